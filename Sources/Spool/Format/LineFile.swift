import Glibc
import LinuxSystem

/// A file of checksummed lines, read whole and appended to: `identity` and `losses`.
///
/// A power cut tears its last line only, whatever was appended at once. Related system calls: `pwritev`, `fdatasync`,
/// `ftruncate`, `rename`.
struct LineFile<Disk: Storage>: Sendable {
    /// Kept beyond the end, for what has to be appended while the disk is full.
    private static var aheadBytes: UInt64 { 16 << 10 }
    /// What a disk writes whole or not at all.
    private static var sector: Int { 512 }

    let name: String
    private let disk: Disk
    /// Its lines, without what is torn behind them; empty of a file that is not there.
    private(set) var text: [UInt8]

    private var newName: String { "\(name).new" }
    var byteCount: Int { text.count }
    var isEmpty: Bool { text.isEmpty }

    /// Changes nothing. Lines behind the first so many bytes do not count.
    init(_ disk: Disk, name: String, holding text: some Sequence<UInt8>) {
        self.disk = disk
        self.name = name
        self.text = Array(text)
    }

    /// Everything that stands in a file of that name; nil if there is none.
    static func bytes(_ disk: Disk, name: String) throws(SpoolError) -> [UInt8]? {
        do throws(SystemError) {
            let file = try disk.open(name, .reading)
            return try file.bytes(from: 0, count: Int(clamping: min(file.length(), 1 << 30)))
        } catch  where error.code == ENOENT {
            return nil
        } catch {
            throw SpoolError(error)
        }
    }

    /// Makes it anew with these lines, in place of the one that is there, if there is one: durable, and whole, when this
    /// returns. A crash leaves the former one, or the new one.
    mutating func replace(with contents: [String]) throws(SystemError) {
        let made = contents.map(ChecksummedLine.of).joined()
        if try disk.names().contains(newName) { try disk.remove(newName) }
        do throws(SystemError) {
            let file = try disk.open(newName, .creating)
            try file.write(Array(made.utf8), at: 0)
            file.reserve(upTo: UInt64(made.utf8.count) + Self.aheadBytes)
            try file.synchronize()
        } catch {
            // What a full disk has taken of it is given back; another failure leaves it for the next start.
            if error.isOutOfSpace, try disk.names().contains(newName) { try disk.remove(newName) }
            throw error
        }
        try disk.rename(newName, to: name)
        try disk.synchronizeDirectory()
        text = Array(made.utf8)
    }

    /// Durable, with all before it, when this returns; of several lines, a crash leaves those before one of them. A torn
    /// line of an earlier time is cut off first.
    ///
    /// What was read may stand in the page cache only, if an earlier sync failed: all of it is written again, or a crash
    /// could leave this line behind one that never reached the disk.
    mutating func append(_ contents: [String]) throws(SystemError) {
        guard !text.isEmpty else { return try replace(with: contents) }
        var longer = text
        let file = try disk.open(name, .writing)
        if try file.length() != UInt64(text.count) { try file.truncate(to: UInt64(text.count)) }
        var unsynced = 0
        for part in Self.parts(contents, behind: text.count) {
            longer += part
            try file.write(Array(longer[unsynced...]), at: UInt64(unsynced))
            file.reserve(upTo: UInt64(longer.count) + Self.aheadBytes)
            try file.synchronize()
            unsynced = longer.count
        }
        text = longer
    }

    /// The same; where the disk has no block for it, the reserve becomes the file.
    mutating func append(_ contents: [String], sparing reserve: inout SpoolReserve<Disk>) throws(SystemError) {
        do throws(SystemError) {
            try append(contents)
        } catch {
            guard error.isOutOfSpace, reserve.isHeld else { throw error }
            let longer = text + Array(contents.map(ChecksummedLine.of).joined().utf8)
            try reserve.become(name, by: newName, holding: longer)
            text = longer
        }
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
}
