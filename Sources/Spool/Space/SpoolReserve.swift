import LinuxSystem

/// Blocks that nobody else can take, for what must go on when somebody else has filled the file system: the file `reserve`,
/// written in full. It becomes the identity file if that needs a block for a start, and makes way for what a directory or
/// a cursor may need. It is made again when there is room.
///
/// On a copy-on-write file system every write needs a new block, and what is given up may come back late: there it is
/// `min_free` that keeps a way out, and no promise is made for a disk that is full to the last block.
struct SpoolReserve<Disk: Storage>: Sendable {
    static var name: String { "reserve" }
    static var newName: String { "reserve.new" }

    private(set) var isHeld: Bool
    private let disk: Disk
    private let bytes: UInt64

    /// Finds what an earlier run has left. What it was about to make, or to turn into something else, is removed.
    init(_ disk: Disk, segmentBytes: UInt64) throws(SpoolError) {
        self.disk = disk
        let bytes = min(1 << 20, max(64 << 10, segmentBytes / 16))
        self.bytes = bytes
        isHeld = try spooling { () throws(SystemError) in
            let names = try disk.names()
            for name in names where name.hasSuffix(".new") { try disk.remove(name) }
            guard names.contains(Self.name) else { return false }
            if try disk.open(Self.name, .reading).length() == bytes { return true }
            try disk.remove(Self.name)
            return false
        }
    }

    /// Makes it if it is not there and there is room for it and as much again. Durable when this returns.
    mutating func make() throws(SystemError) {
        guard !isHeld, try disk.availableBytes() >= 2 * bytes else { return }
        if try disk.names().contains(Self.newName) { try disk.remove(Self.newName) }
        do throws(SystemError) {
            let file = try disk.open(Self.newName, .creating)
            try file.write([UInt8](repeating: 0, count: Int(bytes)), at: 0)
            try file.synchronize()
            try disk.rename(Self.newName, to: Self.name)
            try disk.synchronizeDirectory()
            isHeld = true
        } catch {
            // It is tried again with the next segment or cursor.
            guard error.isOutOfSpace else { throw error }
            if try disk.names().contains(Self.newName) { try disk.remove(Self.newName) }
        }
    }

    /// Gives its blocks back to the file system, durably, so that they can be had at once.
    /// - Returns: whether there were any.
    mutating func giveUp() throws(SystemError) -> Bool {
        guard isHeld else { return false }
        isHeld = false
        try disk.remove(Self.name)
        try disk.synchronizeDirectory()
        return true
    }

    /// Does `body`, and once more with the reserve given up if the disk was full.
    mutating func makingWay<Result>(
        for body: () throws(SystemError) -> Result
    ) throws(SystemError) -> Result {
        do throws(SystemError) {
            return try body()
        } catch {
            guard error.isOutOfSpace, try giveUp() else { throw error }
            return try body()
        }
    }

    /// Becomes the file `name`, whole, by way of the name `newName`; durable when this returns. Its blocks are never free in
    /// between, so that whoever fills the disk cannot have them.
    mutating func become(_ name: String, by newName: String, holding text: [UInt8]) throws(SystemError) {
        isHeld = false
        try disk.rename(Self.name, to: newName)
        let file = try disk.open(newName, .writing)
        try file.write(text, at: 0)
        try file.truncate(to: UInt64(text.count))
        try file.synchronize()
        try disk.rename(newName, to: name)
        try disk.synchronizeDirectory()
    }
}
