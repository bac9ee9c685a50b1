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

    /// The last record of which there is, or was, a dead letter.
    static func newest(_ directory: some Storage, spool: UniqueID) throws -> SequenceNumber {
        var newest = SequenceNumber.zero
        try forEach(directory, spool: spool) { kind, id in
            if kind != nil { newest = max(newest, id) }
        }
        return newest
    }

    static func forEach(
        _ directory: some Storage, spool: UniqueID, _ body: (JournalEntryKind?, SequenceNumber) -> Void
    ) throws {
        let buffer = ScanBuffer()
        for number in try JournalFileName.numbers(in: directory) {
            let name = JournalFileName.of(number)
            let file = try directory.open(name, .reading)
            var findings = JournalFileFindings()
            _ = try JournalScan.lines(of: file, buffer: buffer.bytes) { line in
                if case .header(.unknownVersion(let version)) = line {
                    throw DeadLetterStoreError.unknownVersion(file: name, version: version)
                }
                guard let entry = findings.take(line), findings.spool.map({ $0 == spool }) ?? true else { return }
                body(entry.kind, entry.id)
            }
        }
    }
}
