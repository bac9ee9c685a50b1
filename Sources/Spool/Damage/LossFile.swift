import LinuxSystem
import OperationLogs

/// The file `losses`.
struct LossFile<Disk: Storage>: Sendable {
    static var name: String { "losses" }
    private static var head: String { "opslogd-losses 1" }

    private var file: LineFile<Disk>
    private(set) var book = LossBook()

    /// Changes nothing.
    init(_ disk: Disk) throws(SpoolError) {
        let bytes = try LineFile.bytes(disk, name: Self.name) ?? []
        let (contents, goodBytes, isDamaged) = ChecksummedLine.all(bytes)
        file = LineFile(disk, name: Self.name, holding: bytes.prefix(goodBytes))
        if let first = contents.first, first != Self.head {
            throw SpoolError(
                .unknownVersion,
                "the spool's list of losses says '\(first)', which this version does not know; nothing was changed; run "
                    + "the version of opslogd that made it")
        }
        for content in contents.dropFirst() {
            guard let entry = LossEntry(content) else { throw Self.damaged(goodBytes) }
            book.take(entry)
        }
        if isDamaged { throw Self.damaged(goodBytes) }
    }

    private static func damaged(_ offset: Int) -> SpoolError {
        .damaged(name, offset: UInt64(offset), "a line does not verify, so that lines could be read twice")
    }

    /// Makes it, with blocks for what may have to be noted while the disk is full, and forgets what is past. Where the disk
    /// is full already, nothing happens.
    ///
    /// - Parameters:
    ///   - first: of the segments that are there; nil if there are none.
    ///   - next: the number of the next record.
    mutating func prepare(first: SequenceNumber?, next: SequenceNumber) throws(SpoolError) {
        do {
            if file.isEmpty { return try append([]) }
            let rests = book.newlyResting.map { LossEntry.resting($0, at: next) }
            if !rests.isEmpty { try append(rests) }
            let kept = book.forgetting(before: first ?? .zero)
            guard kept.count < book.count else { return }
            try spooling { () throws(SystemError) in
                try file.replace(with: [Self.head] + kept.entries.map(\.content))
            }
            book = kept
        } catch  where error.isOutOfSpace {
            return
        }
    }

    /// Durable when this returns; all of them count, or those before one of them.
    mutating func append(_ entries: [LossEntry]) throws(SpoolError) {
        let head = file.isEmpty ? [Self.head] : []
        try spooling { () throws(SystemError) in try file.append(head + entries.map(\.content)) }
        for entry in entries { book.take(entry) }
    }
}
