import Synchronization

/// What daemons have said of damage that no status names.
final class HeardWords: Sendable {
    private struct State {
        var isEndSaid = false
        var areLettersSaid = false
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
        }
    }

    /// Of all of it.
    var digest: UInt64 { state.withLock { $0.digest.value } }
    /// Of the spool's end, since it was forgotten.
    var isEndSaid: Bool { state.withLock { $0.isEndSaid } }
    func forgetEnd() { state.withLock { $0.isEndSaid = false } }
    /// Of any place of the dead letters.
    var areLettersSaid: Bool { state.withLock { $0.areLettersSaid } }
}
