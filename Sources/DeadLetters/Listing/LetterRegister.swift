import Glibc
import LinuxSystem
import OperationLogs

/// Which numbers have, or had, a dead letter: for whoever compares the store with the spool. Eight bytes a number.
///
/// Made by one pass over the files, beside a running daemon or without one; writes nothing, takes no lock.
public struct LetterRegister: Sendable {
    private var moved = LetterIDSet()
    private var refused = LetterIDSet()
    private var ended = LetterIDSet()
    /// Every rejected line up to here was moved, though it may have been dropped since.
    public private(set) var droppedUpTo = SequenceNumber.zero
    /// The tombstones of the numbers that were asked for, as they stand in the file.
    public private(set) var ends: [SequenceNumber: String] = [:]

    /// - Parameters:
    ///   - spool: the name that the spool was made with.
    ///   - asked: whose tombstones are read.
    /// - Throws: `SystemError`; `DeadLetterStoreError.unknownVersion`.
    public init<Disk: Storage>(
        in stateDirectory: Disk, spool: UniqueID, endsOf asked: Set<SequenceNumber> = []
    ) throws {
        guard try stateDirectory.names().contains(DeadLetterStore<Disk>.directoryName) else { return }
        let directory = try stateDirectory.directory(DeadLetterStore<Disk>.directoryName)
        for number in try JournalFileName.numbers(in: directory) {
            let name = JournalFileName.of(number)
            guard let file = try Self.opened(name, in: directory) else { continue }
            for entry in try Self.entries(of: file, name, spool: spool) {
                take(entry)
                guard entry.kind == .tombstone, asked.contains(entry.id), ends[entry.id] == nil else { continue }
                ends[entry.id] = try Self.object(of: entry, in: file)
            }
        }
    }

    /// nil if it was dropped since the names were read.
    private static func opened<Disk: Storage>(_ name: String, in directory: Disk) throws(SystemError) -> Disk.File? {
        do {
            return try directory.open(name, .reading)
        } catch {
            if error.code == ENOENT { return nil }
            throw error
        }
    }

    private static func entries(of file: some StorageFile, _ name: String, spool: UniqueID) throws -> [JournalEntry] {
        let buffer = ScanBuffer()
        var findings = JournalFileFindings()
        var entries: [JournalEntry] = []
        _ = try JournalScan.lines(of: file, buffer: buffer.bytes) { line in
            if case .header(.unknownVersion(let version)) = line {
                throw DeadLetterStoreError.unknownVersion(file: name, version: version)
            }
            guard let entry = findings.take(line), findings.spool.map({ $0 == spool }) ?? true else { return }
            entries.append(entry)
        }
        return entries
    }

    private mutating func take(_ entry: JournalEntry) {
        switch entry.kind {
        case .movedLine: moved.insert(entry.id)
        case .refusal: refused.insert(entry.id)
        case .tombstone: ended.insert(entry.id)
        case .movedMark: droppedUpTo = max(droppedUpTo, entry.id)
        case nil: break
        }
    }

    /// What stands in a line behind its checksum and kind.
    private static func object(of entry: JournalEntry, in file: some StorageFile) throws -> String? {
        let buffer = ScanBuffer(byteCount: entry.length)
        guard try file.read(into: buffer.bytes, at: entry.offset) == entry.length else { return nil }
        return String(decoding: buffer.bytes.dropFirst(JournalEntry.headBytes).prefix(entry.length), as: UTF8.self)
    }

    /// Whether it has, or had, a dead letter of a line that was rejected at the door.
    public func holdsRejected(_ id: SequenceNumber) -> Bool { moved.contains(id) || ended.contains(id) }
    /// Whether it has, or had, one of any kind: of an event, a refusal.
    public func holdsAny(_ id: SequenceNumber) -> Bool { refused.contains(id) || holdsRejected(id) }
    /// Whether its dead letter is over.
    public func isEnded(_ id: SequenceNumber) -> Bool { ended.contains(id) }
}
