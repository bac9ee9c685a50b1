import Glibc
import LinuxSystem
import OperationLogs

/// The dead letters as they stand on disk: works beside a running daemon and without one, writes nothing, takes no lock.
///
/// Made by one pass over the files, which notes tombstones and what stands out of order; a second pass then hands out
/// letters one at a time. Memory grows with the refusals and tombstones, not with the letters.
public struct DeadLetterList<Disk: Storage> {
    /// Where an entry stands.
    private struct Place {
        var file: Int
        var entry: JournalEntry
    }

    private let files: [(name: String, file: Disk.File)]
    /// Entries that do not follow the order of ids, by id.
    private let outOfOrder: [Place]
    private let ended: LetterIDSet
    /// Every rejected line of the spool up to here stands in the files, if they are whole.
    public let movedUpTo: SequenceNumber
    /// Entries and ends of files that are not intact, as `FILE: OFFSET`; what a daemon is just writing is not among them.
    public let damage: [String]

    /// Reads what is there; nothing if the store was never made.
    ///
    /// - Parameter spool: only dead letters of this one, and those in files whose first line is damaged; nil: all.
    /// - Throws: `SystemError`; `DeadLetterStoreError.unknownVersion`.
    public init(in stateDirectory: Disk, of spool: UniqueID? = nil) throws {
        guard try stateDirectory.names().contains(DeadLetterStore<Disk>.directoryName) else {
            (files, outOfOrder, ended, movedUpTo, damage) = ([], [], LetterIDSet(), .zero, [])
            return
        }
        let directory = try stateDirectory.directory(DeadLetterStore<Disk>.directoryName)
        var files: [(name: String, file: Disk.File)] = []
        var outOfOrder: [Place] = []
        var ended = LetterIDSet()
        var newest = SequenceNumber.zero
        var damage: [String] = []
        let buffer = ScanBuffer()
        let numbers = try JournalFileName.numbers(in: directory)
        for number in numbers {
            let name = JournalFileName.of(number)
            // Dropped since the names were read, perhaps.
            guard let file = try Self.opened(name, in: directory) else { continue }
            var suspects: [UInt64] = []
            var isWanted = true
            _ = try JournalScan.lines(of: file, buffer: buffer.bytes) { line in
                switch line {
                case .header(.unknownVersion(let version)):
                    throw DeadLetterStoreError.unknownVersion(file: name, version: version)
                case .header(.damaged): suspects.append(0)
                case .header(.header(let header)): isWanted = spool.map { $0 == header.spool } ?? true
                case .damaged(let offset, _): suspects.append(offset)
                case .entry(let entry):
                    damage += suspects.map { "\(name): \($0)" }
                    suspects = []
                    guard isWanted else { return }
                    switch entry.kind {
                    case .tombstone: ended.insert(entry.id)
                    case .movedLine where entry.id > newest: newest = entry.id
                    case .movedLine, .refusal: outOfOrder.append(Place(file: files.count, entry: entry))
                    case .movedMark: newest = max(newest, entry.id)
                    case nil: break
                    }
                }
            }
            // At the very end it may be an append that is under way.
            if number != numbers.last { damage += suspects.map { "\(name): \($0)" } }
            if isWanted { files.append((name, file)) }
        }
        self.files = files
        self.outOfOrder = outOfOrder.sorted { $0.entry.id < $1.entry.id }
        self.ended = ended
        self.damage = damage
        movedUpTo = newest
    }

    private static func opened(_ name: String, in directory: Disk) throws(SystemError) -> Disk.File? {
        do {
            return try directory.open(name, .reading)
        } catch {
            if error.code == ENOENT { return nil }
            throw error
        }
    }

    /// Calls its body with each durable group of the spool that has records from a number on, in order.
    public typealias GroupWalk = (_ from: SequenceNumber, _ body: (RecordGroup) throws -> Bool) throws -> Void

    /// Calls `body` with each dead letter that matches, by ascending id: oldest first.
    ///
    /// - Parameters:
    ///   - unmoved: walks the spool's groups from a record on, until its body returns false: for what is durable there
    ///     and not moved yet. Nil leaves that out.
    ///   - noted: how far the spool's cursor said that lines were moved, read before this list was made: nothing
    ///     before it is looked for in the spool.
    ///   - body: returns whether to go on.
    public func forEach(
        _ filter: DeadLetterFilter = DeadLetterFilter(), unmoved: GroupWalk? = nil, noted: SequenceNumber = .zero,
        _ body: (DeadLetter) throws -> Bool
    ) throws {
        var outOfOrder = outOfOrder[...]
        var buffer: [UInt8] = []
        var last: SequenceNumber?
        let start = max(movedUpTo, noted)
        var ended = ended
        // What was sent again is over from the moment at which that is durable.
        try unmoved?(start.advanced(by: 1)) { group in
            try LetterRecord.forEach(in: group, after: start) { record, _ in
                if case .retried(let note, _) = record { ended.insert(note.letter) }
            }
            return true
        }

        func hand(_ id: SequenceNumber, _ letter: () throws -> DeadLetter?) throws {
            guard id != last, !ended.contains(id), filter.matches(id) else { return }
            last = id
            if let letter = try letter(), filter.matches(letter), try !body(letter) { throw EnoughLetters() }
        }
        func handOutOfOrder(before id: SequenceNumber?) throws {
            while let place = outOfOrder.first, id.map({ place.entry.id < $0 }) ?? true {
                outOfOrder.removeFirst()
                try hand(place.entry.id) { try Self.read(place.entry, in: files[place.file].file, &buffer) }
            }
        }
        func inOrder(_ id: SequenceNumber, _ letter: () throws -> DeadLetter?) throws {
            try handOutOfOrder(before: id)
            try hand(id, letter)
        }

        do {
            var newest = SequenceNumber.zero
            let scanBuffer = ScanBuffer()
            for (_, file) in files {
                _ = try JournalScan.lines(of: file, buffer: scanBuffer.bytes) { line in
                    guard case .entry(let entry) = line, entry.kind == .movedLine, entry.id > newest,
                        entry.id <= movedUpTo
                    else { return }
                    newest = entry.id
                    try inOrder(entry.id) { try Self.read(entry, in: file, &buffer) }
                }
            }
            if let unmoved {
                try unmoved(start.advanced(by: 1)) { group in
                    try LetterRecord.forEach(in: group, after: start) { record, id in
                        if case .rejected(let letter) = record { try inOrder(id) { letter } }
                    }
                    return true
                }
            }
            try handOutOfOrder(before: nil)
        } catch is EnoughLetters {}
    }

    private static func read(
        _ entry: JournalEntry, in file: Disk.File, _ buffer: inout [UInt8]
    ) throws -> DeadLetter? {
        if buffer.count < entry.length { buffer = [UInt8](repeating: 0, count: entry.length) }
        return try buffer.withUnsafeMutableBytes { bytes in
            let line = UnsafeMutableRawBufferPointer(rebasing: bytes[..<entry.length])
            guard try file.read(into: line, at: entry.offset) == entry.length else { return nil }
            let head = JournalEntry.headBytes
            return StoredLetter.read(UnsafeRawBufferPointer(line).part(head, entry.length - head))
        }
    }
}

/// Ends a walk through the letters early.
private struct EnoughLetters: Error {}
