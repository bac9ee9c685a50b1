import Glibc
import LinuxSystem

/// The file `losses`: read whole, and appended to.
struct LossFile<Disk: Storage>: Sendable {
    static var name: String { "losses" }
    private static var head: String { "opslogd-losses 1" }
    private static var aheadBytes: UInt64 { 16 << 10 }

    private let disk: Disk
    private var goodBytes: Int
    private(set) var book = LossBook()

    /// Changes nothing.
    init(_ disk: Disk) throws(SpoolError) {
        self.disk = disk
        let (contents, goodBytes, isDamaged) = ChecksummedLine.all(try Self.bytes(disk))
        self.goodBytes = goodBytes
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
        guard goodBytes == 0 else { return }
        do {
            try append([])
        } catch  where error.isOutOfSpace {
            return
        }
    }

    /// Durable when this returns; all of them count, or those before one of them. A torn line of an earlier time is cut
    /// off first.
    mutating func append(_ entries: [LossEntry]) throws(SpoolError) {
        let head = goodBytes == 0 ? ChecksummedLine.of(Self.head) : ""
        let text = Array((head + entries.map { ChecksummedLine.of($0.content) }.joined()).utf8)
        try spooling { () throws(SystemError) in
            let isThere = try disk.names().contains(Self.name)
            let file = try disk.open(Self.name, isThere ? .writing : .creating)
            if try file.length() != UInt64(goodBytes) { try file.truncate(to: UInt64(goodBytes)) }
            try file.write(text, at: UInt64(goodBytes))
            file.reserve(upTo: UInt64(goodBytes + text.count) + Self.aheadBytes)
            try file.synchronize()
            if !isThere || goodBytes == 0 { try disk.synchronizeDirectory() }
        }
        goodBytes += text.count
        for entry in entries { book.take(entry) }
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
