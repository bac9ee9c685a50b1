import DeadLetters
import LinuxSystem
import OperationLogs

/// The inputs' way into the spool: an input whose rejected lines have used up its share of the dead letters' space waits,
/// alone.
final class GatedSink: RecordSink {
    private let spool: any RecordSink
    private let letters: DeadLetterStore<DirectoryStorage>

    init(spool: any RecordSink, letters: DeadLetterStore<DirectoryStorage>) {
        self.spool = spool
        self.letters = letters
    }

    func append(_ chunk: RecordChunk) { spool.append(chunk) }
    func gate(for input: String) -> (any IntakeGate)? { letters.gate(for: input) }
}
