import Instruments
import LinuxSystem
import OperationLogs

/// What opening the store found in its files. The cases are the table in <doc:StoreFormat>.
struct JournalRecovery {
    /// Dead letters that no tombstone ends.
    var heldCount: Int { letters.count(without: ended) + max(0, lettersElsewhere - endedElsewhere) }
    private(set) var bytes: UInt64 = 0
    /// Of this spool, up to the hole.
    private(set) var movedUpTo = SequenceNumber.zero
    /// Moved lines behind the hole: what lay in it may have been among them.
    private(set) var movedBeyondHole: Set<UInt64> = []
    /// Whether something that was moved may be missing behind `movedUpTo`: damage with no later file in which a moved line
    /// stands. The start that met the hole took what it could before it moved anything else.
    private(set) var hasHole = false
    /// Of this spool, above the lowest position, ended ones included: they are never sent again.
    private(set) var refusals = LetterIDSet()
    /// Those that a tombstone ends.
    private(set) var ended = LetterIDSet()
    /// The number of the last file; 0 if there is none.
    private(set) var lastFile: UInt64 = 0
    /// The last file's length after recovery, if it can be appended to.
    private(set) var appendableLength: UInt64?

    private var letters = LetterIDSet()
    private var lettersElsewhere = 0
    /// Tombstones of another spool's dead letters.
    private var endedElsewhere = 0
    private let spool: UniqueID
    private let lowestPosition: SequenceNumber
    private let diagnostics: Diagnostics

    /// Reads every file, and cuts what a crash has left at the end of the last one.
    ///
    /// - Parameter lowestPosition: refusals up to here are of no interest any more.
    init(
        directory: some Storage, spool: UniqueID, lowestPosition: SequenceNumber, diagnostics: Diagnostics
    ) throws {
        self.spool = spool
        self.lowestPosition = lowestPosition
        self.diagnostics = diagnostics
        let numbers = try JournalFileName.numbers(in: directory)
        let buffer = ScanBuffer()
        for number in numbers {
            try read(number, isLast: number == numbers.last, directory: directory, buffer: buffer)
        }
        lastFile = numbers.last ?? 0
        hasHole = try hasHole || CutMark.isThere(in: directory)
    }

    private mutating func read<Disk: Storage>(
        _ number: UInt64, isLast: Bool, directory: Disk, buffer: ScanBuffer
    ) throws {
        let name = JournalFileName.of(number)
        let file = try directory.open(name, isLast ? .writing : .reading)
        var findings = JournalFileFindings()
        let length = try JournalScan.lines(of: file, buffer: buffer.bytes) { line in
            if case .header(.unknownVersion(let version)) = line {
                throw DeadLetterStoreError.unknownVersion(file: name, version: version)
            }
            guard let entry = findings.take(line) else { return }
            // A line of an unknown owner is taken to be this spool's: better kept from being sent twice.
            take(
                entry, isForeign: findings.spool.map { $0 != spool } ?? false,
                isBehindHole: findings.hasHole)
        }
        hasHole = hasHole || findings.hasHole || findings.intactEnd < length
        for place in isLast ? findings.damageWithin : findings.damage { report(place, in: name) }
        if findings.spool == nil, isLast ? findings.intactEnd > 0 : length > 0 {
            diagnostics.error(
                "dead-letters/\(name): its first line is damaged; everything intact in it is still listed")
        }
        bytes += isLast ? findings.intactEnd : length
        if isLast {
            try prepareAppending(to: file, name, findings, length: length, directory: directory, buffer: buffer)
        }
    }

    private mutating func prepareAppending<Disk: Storage>(
        to file: Disk.File, _ name: String, _ findings: JournalFileFindings, length: UInt64, directory: Disk,
        buffer: ScanBuffer
    ) throws {
        let end = findings.intactEnd
        if end < length {
            try CutMark.make(in: directory)
            let aside = try TornEnd.cut(file, name: name, from: end, to: length, directory: directory, buffer: buffer)
            let fate = aside.map { "kept as dead-letters/\($0)" } ?? "there was no room to keep a copy"
            diagnostics.warning(
                "dead-letters/\(name): torn or damaged end, \(length - end) bytes at \(end): cut off; \(fate); lines "
                    + "in it that the spool still holds are moved again")
        }
        try Self.makeDurable(file, upTo: end, directory: directory, buffer: buffer)
        if end == 0 || findings.spool == spool { appendableLength = end }
    }

    /// What was read may stand in the page cache only: a crash came before the sync, or the sync failed and left the
    /// pages clean. It counts as kept from now on, so it is written again, which makes the pages dirty, and synced.
    private static func makeDurable<Disk: Storage>(
        _ file: Disk.File, upTo end: UInt64, directory: Disk, buffer: ScanBuffer
    ) throws(SystemError) {
        var at: UInt64 = 0
        while at < end {
            let wanted = Int(min(UInt64(buffer.bytes.count), end - at))
            let room = UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[..<wanted])
            let count = try file.read(into: room, at: at)
            if count == 0 { break }
            do throws(SystemError) {
                try file.write([UnsafeRawBufferPointer(room).part(0, count)], at: at)
            } catch {
                // A copy-on-write file system without room: what can be done is the sync.
                if error.isOutOfSpace { break }
                throw error
            }
            at += UInt64(count)
        }
        try file.synchronize()
        try directory.synchronizeDirectory()
    }

    private mutating func take(_ entry: JournalEntry, isForeign: Bool, isBehindHole: Bool) {
        switch entry.kind {
        case .tombstone:
            if isForeign { endedElsewhere += 1 } else { ended.insert(entry.id) }
            if !isForeign, entry.id > lowestPosition { refusals.insert(entry.id) }
        case .refusal:
            if isForeign { lettersElsewhere += 1 } else { letters.insert(entry.id) }
            if !isForeign, entry.id > lowestPosition { refusals.insert(entry.id) }
        case .movedLine:
            if isForeign {
                lettersElsewhere += 1
                return
            }
            letters.insert(entry.id)
            if isBehindHole {
                if entry.id > movedUpTo { movedBeyondHole.insert(entry.id.rawValue) }
            } else {
                closeHole()
                movedUpTo = max(movedUpTo, entry.id)
            }
        case .movedMark:
            guard !isForeign, !isBehindHole else { break }
            closeHole()
            movedUpTo = max(movedUpTo, entry.id)
        case nil: break
        }
    }

    /// Of an earlier file.
    private mutating func closeHole() {
        guard hasHole else { return }
        hasHole = false
        movedUpTo = max(movedUpTo, SequenceNumber(movedBeyondHole.max() ?? 0))
        movedBeyondHole = []
    }

    private func report(_ place: (offset: UInt64, length: Int), in name: String) {
        diagnostics.error(
            "dead-letters/\(name): the \(place.length) bytes at \(place.offset) are damaged; that entry is skipped, "
                + "everything else is still listed")
    }
}
