import LinuxSystem
import OperationLogs

/// A part of one segment in memory, read ahead: frames are looked at in place. Owned by one thread.
final class FrameWindow<File: StorageFile> {
    private static var readAhead: Int { 256 << 10 }

    private var file: File?
    private var base: UnsafeMutableRawPointer
    private var capacity: Int
    private var start: UInt64 = 0
    private var count = 0

    init() {
        capacity = Self.readAhead
        base = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit { base.deallocate() }

    /// Turns to another file, from its beginning.
    func turn(to file: File?) {
        self.file = file
        start = 0
        count = 0
    }

    /// The bytes from `offset`, valid until the next call; fewer than `wanted` only where the file or `limit` ends.
    ///
    /// - Parameter limit: nothing at or behind it is read, nor held: it may still change.
    func bytes(at offset: UInt64, _ wanted: Int, limit: UInt64) throws(SystemError) -> UnsafeRawBufferPointer {
        let possible = offset < limit ? Int(min(UInt64(wanted), limit - offset)) : 0
        if offset < start || offset > start + UInt64(count) {
            start = offset
            count = 0
        }
        let at = Int(offset - start)
        if at + possible > count { try fill(keepingFrom: at, possible, limit: limit) }
        let first = Int(offset - start)
        return UnsafeRawBufferPointer(start: base + first, count: min(possible, count - first))
    }

    /// Moves what is still wanted to the front and reads on behind it.
    private func fill(keepingFrom at: Int, _ wanted: Int, limit: UInt64) throws(SystemError) {
        let kept = count - at
        if wanted > capacity {
            let larger = max(wanted, capacity * 2)
            let moved = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
            moved.copyMemory(from: base + at, byteCount: kept)
            base.deallocate()
            base = moved
            capacity = larger
        } else if at > 0 {
            base.copyMemory(from: base + at, byteCount: kept)
        }
        start += UInt64(at)
        count = kept
        guard let file else { return }
        let end = start + UInt64(kept)
        let readable = min(UInt64(max(wanted, Self.readAhead) - kept), limit > end ? limit - end : 0)
        let room = UnsafeMutableRawBufferPointer(start: base + kept, count: Int(readable))
        count += try file.read(into: room, at: end)
    }
}
