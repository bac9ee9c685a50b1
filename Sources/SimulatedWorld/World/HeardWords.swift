import Synchronization

/// What daemons have said of damage that no status names.
final class HeardWords: Sendable {
    private struct State {
        var isEndSaid = false
        var areLettersSaid = false
        var isRemovalSaid = false
        var arePassedOver = false
        var droppedLetters = 0
        var digest = CourseDigest()
    }

    private let state = Mutex(State())
    private let trace: (@Sendable (String) -> Void)?

    init(trace: (@Sendable (String) -> Void)?) { self.trace = trace }

    func hear(_ text: String) {
        trace?(text)
        state.withLock { state in
            state.digest.take(text)
            if text.contains("torn or damaged end") { state.isEndSaid = true }
            if text.contains("dead-letters/") { state.areLettersSaid = true }
            if text.contains(" dead letters, received from ") {
                state.droppedLetters += text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
            }
            if text.contains("may have been removed from") || text.contains("could not be read from") {
                state.isRemovalSaid = true
            }
            if text.contains("input \(SimulatedUnits.input): how far the journal was read is in doubt") {
                state.arePassedOver = true
            }
        }
    }

    /// Of all of it.
    var digest: UInt64 { state.withLock { $0.digest.value } }
    /// Of the spool's end, since it was forgotten.
    var isEndSaid: Bool { state.withLock { $0.isEndSaid } }
    func forgetEnd() { state.withLock { $0.isEndSaid = false } }
    /// Of entries of the journal that nobody had read.
    var isRemovalSaid: Bool { state.withLock { $0.isRemovalSaid } }
    /// - Returns: whether, since the last call, lines of the journal were passed over.
    func takePassedOver() -> Bool {
        state.withLock { state in
            defer { state.arePassedOver = false }
            return state.arePassedOver
        }
    }
    /// How many dead letters were dropped for want of room; one that a crash interrupts is said again.
    var droppedLetters: Int { state.withLock { $0.droppedLetters } }
    /// Of any place of the dead letters.
    var areLettersSaid: Bool { state.withLock { $0.areLettersSaid } }
}
