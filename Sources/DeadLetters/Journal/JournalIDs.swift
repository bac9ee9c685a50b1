import LinuxSystem
import OperationLogs

/// The ids that stand in the files, ended ones included.
enum JournalIDs {
    /// Of refusals: for Delivery, when it goes back to records that it had passed. Changes nothing.
    static func refusals(_ directory: some Storage, spool: UniqueID) throws -> [SequenceNumber] {
        var ids: [SequenceNumber] = []
        try forEach(directory, spool: spool) { kind, id in
            if kind == .refusal || kind == .tombstone { ids.append(id) }
        }
        return ids
    }

    static func forEach(
        _ directory: some Storage, spool: UniqueID, _ body: (JournalEntryKind?, SequenceNumber) -> Void
    ) throws {
        let buffer = ScanBuffer()
        for number in try JournalFileName.numbers(in: directory) {
            let file = try directory.open(JournalFileName.of(number), .reading)
            var findings = JournalFileFindings()
            _ = try JournalScan.lines(of: file, buffer: buffer.bytes) { line in
                guard let entry = findings.take(line), findings.spool.map({ $0 == spool }) ?? true else { return }
                body(entry.kind, entry.id)
            }
        }
    }
}
