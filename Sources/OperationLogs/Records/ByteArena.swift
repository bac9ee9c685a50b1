/// Bytes that grow at the end; what records are written into. Owned by one thread at a time.
struct ByteArena: ~Copyable {
    private(set) var base: UnsafeMutableRawPointer
    private(set) var capacity: Int
    var count = 0

    init(capacity: Int) {
        self.capacity = max(capacity, 64)
        base = .allocate(byteCount: self.capacity, alignment: 16)
    }

    deinit { base.deallocate() }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    /// Makes room for `extra` more bytes. Pointers taken before are void.
    @inline(__always)
    mutating func reserve(_ extra: Int) {
        if count &+ extra > capacity { grow(extra) }
    }

    private mutating func grow(_ extra: Int) {
        let larger = max(capacity * 2, count + extra)
        let moved = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
        moved.copyMemory(from: base, byteCount: count)
        base.deallocate()
        base = moved
        capacity = larger
    }

    /// Hands the memory over and goes on with new memory.
    mutating func take(replacingWith new: UnsafeMutableRawPointer, capacity: Int) -> (UnsafeMutableRawPointer, Int) {
        defer {
            base = new
            self.capacity = capacity
            count = 0
        }
        return (base, self.capacity)
    }

    mutating func append(_ added: UnsafeRawBufferPointer) {
        guard let start = added.baseAddress, added.count > 0 else { return }
        reserve(added.count)
        (base + count).copyMemory(from: start, byteCount: added.count)
        count += added.count
    }

    mutating func appendLittleEndian<Value: FixedWidthInteger>(_ value: Value) {
        reserve(MemoryLayout<Value>.size)
        base.storeLittleEndian(value, count)
        count += MemoryLayout<Value>.size
    }

    mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
    }
}
