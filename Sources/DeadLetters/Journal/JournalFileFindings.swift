import OperationLogs

/// What the lines of one file amount to: its header, its damage, and where its last intact line ends.
struct JournalFileFindings {
    /// Nil for an empty file.
    private(set) var header: JournalHeader.Reading?
    private(set) var damage: [(offset: UInt64, length: Int)] = []
    /// Behind the last intact line; 0 if there is none.
    private(set) var intactEnd: UInt64 = 0

    var spool: UniqueID? { if case .header(let header) = header { header.spool } else { nil } }

    /// Damage with something intact behind it: no append that was cut short looks like that at the end of a file.
    var damageWithin: [(offset: UInt64, length: Int)] { damage.filter { $0.offset < intactEnd } }

    /// Whether something that stood before the next line may be missing: a first line that is damaged was written together
    /// with the lines behind it, which may be damaged with it.
    var hasHole: Bool { !damage.isEmpty || header == .damaged }

    /// - Returns: the entry, if the line is one.
    mutating func take(_ line: JournalLine) -> JournalEntry? {
        switch line {
        case .header(let reading):
            header = reading
            if case .header(let found) = reading { intactEnd = UInt64(found.line.count) }
            return nil
        case .entry(let entry):
            intactEnd = entry.offset + UInt64(entry.length) + 1
            return entry
        case .damaged(let offset, let length):
            damage.append((offset, length))
            return nil
        }
    }
}
