import LinuxSystem
import OperationLogs

/// The refusals that stand in the files, ended ones included: for Delivery, when it goes back to records that it had
/// passed.
enum JournalRefusals {
    /// Changes nothing.
    static func read(_ directory: some Storage, spool: UniqueID) throws -> [SequenceNumber] {
        var ids: [SequenceNumber] = []
        let buffer = ScanBuffer()
        for number in try JournalFileName.numbers(in: directory) {
            let file = try directory.open(JournalFileName.of(number), .reading)
            var findings = JournalFileFindings()
            _ = try JournalScan.lines(of: file, buffer: buffer.bytes) { line in
                guard let entry = findings.take(line), findings.spool.map({ $0 == spool }) ?? true else { return }
                if entry.kind == .refusal || entry.kind == .tombstone { ids.append(entry.id) }
            }
        }
        return ids
    }
}
