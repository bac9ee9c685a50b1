import Glibc
import LinuxSystem

/// The file `losses`: read whole, and appended to.
struct LossFile<Disk: Storage>: Sendable {
    static var name: String { "losses" }
    private static var head: String { "opslogd-losses 1" }
    private static var aheadBytes: UInt64 { 16 << 10 }
    /// What a disk writes whole or not at all.
    private static var sector: Int { 512 }

    private let disk: Disk
    /// Its lines, without what is torn behind them.
    private var text: [UInt8]
    private(set) var book = LossBook()

    /// Changes nothing.
    init(_ disk: Disk) throws(SpoolError) {
        self.disk = disk
        let bytes = try Self.bytes(disk)
        let (contents, goodBytes, isDamaged) = ChecksummedLine.all(bytes)
        text = Array(bytes.prefix(goodBytes))
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

    /// Makes it, with blocks for what may have to be noted while the disk is full; not where it is full already.
    mutating func prepare() throws(SpoolError) {
        guard text.isEmpty else { return }
        do {
            try append([])
        } catch  where error.isOutOfSpace {
            return
        }
    }

    /// Durable when this returns; all of them count, or those before one of them. A torn line of an earlier time is cut
    /// off first.
    mutating func append(_ entries: [LossEntry]) throws(SpoolError) {
        let contents = (text.isEmpty ? [Self.head] : []) + entries.map(\.content)
        var longer = text
        try spooling { () throws(SystemError) in
            let isThere = try disk.names().contains(Self.name)
            let file = try disk.open(Self.name, isThere ? .writing : .creating)
            if try file.length() != UInt64(text.count) { try file.truncate(to: UInt64(text.count)) }
            // What was read may stand in the page cache only, if an earlier sync failed: it is written again.
            var unsynced = 0
            for part in Self.parts(contents, behind: text.count) {
                longer += part
                try file.write(Array(longer[unsynced...]), at: UInt64(unsynced))
                file.reserve(upTo: UInt64(longer.count) + Self.aheadBytes)
                try file.synchronize()
                unsynced = longer.count
            }
            if !isThere || text.isEmpty { try disk.synchronizeDirectory() }
        }
        text = longer
        for entry in entries { book.take(entry) }
    }

    /// The lines, in parts of which each is synced before the next is written: those within one sector together, else one by
    /// one. So a power cut leaves no whole line behind one that it has torn, which would be damage.
    private static func parts(_ contents: [String], behind start: Int) -> [[UInt8]] {
        var parts: [[UInt8]] = []
        var (first, end) = (start, start)
        for content in contents {
            let line = Array(ChecksummedLine.of(content).utf8)
            if !parts.isEmpty, first / sector == (end + line.count - 1) / sector {
                parts[parts.count - 1] += line
            } else {
                parts.append(line)
                first = end
            }
            end += line.count
        }
        return parts
    }

    private static func bytes(_ disk: Disk) throws(SpoolError) -> [UInt8] {
        do throws(SystemError) {
            let file = try disk.open(name, .reading)
            return try file.bytes(from: 0, count: Int(clamping: min(file.length(), 1 << 30)))
        } catch  where error.code == ENOENT {
            return []
        } catch {
            throw SpoolError(error)
        }
    }
}
