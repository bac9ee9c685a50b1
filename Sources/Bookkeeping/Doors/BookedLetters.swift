import OperationLogs
import Synchronization

/// Delivery's way to the dead letters, which remembers refusals until the books have been there too.
public final class BookedLetters: DeadLetterSink {
    private struct State {
        /// Delivery asks for none up to here.
        var forgotten = SequenceNumber.zero
        /// Nor do the books.
        var entered = SequenceNumber.zero
    }

    private let base: any DeadLetterSink
    private let state = Mutex(State())

    public init(_ base: any DeadLetterSink) {
        self.base = base
    }

    public func append(_ letters: [DeadLetter]) throws { try base.append(letters) }
    public func holdsRefusal(of sequence: SequenceNumber) -> Bool { base.holdsRefusal(of: sequence) }
    public func mayHoldRefusals(from first: SequenceNumber, through last: SequenceNumber) -> Bool {
        base.mayHoldRefusals(from: first, through: last)
    }

    public func forgetRefusals(upTo sequence: SequenceNumber) {
        base.forgetRefusals(
            upTo: state.withLock {
                $0.forgotten = sequence
                return min($0.forgotten, $0.entered)
            })
    }

    public func recallRefusals(after sequence: SequenceNumber) throws {
        state.withLock {
            $0.forgotten = min($0.forgotten, sequence)
            $0.entered = min($0.entered, sequence)
        }
        try base.recallRefusals(after: sequence)
    }

    /// The books hold the fate of every record up to here.
    func entered(upTo sequence: SequenceNumber) {
        base.forgetRefusals(
            upTo: state.withLock {
                $0.entered = sequence
                return min($0.forgotten, $0.entered)
            })
    }
}
