import Glibc

/// Rows of one table, one COPY tuple behind the other, in memory that is used again for the next batch.
struct TupleBuffer: ~Copyable {
    private var base: UnsafeMutableRawPointer?
    private(set) var capacity = 0
    private(set) var count = 0

    init() {}

    deinit { free(base) }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    @inline(__always)
    mutating func append(_ tuple: UnsafeRawBufferPointer) {
        guard let from = tuple.baseAddress, tuple.count > 0 else { return }
        if count &+ tuple.count > capacity { grow(toHold: count &+ tuple.count) }
        // Memory that could not be had has ended the process in grow.
        guard let base else { return }
        (base + count).copyMemory(from: from, byteCount: tuple.count)
        count &+= tuple.count
    }

    /// Empties it; the memory stays.
    mutating func clear() { count = 0 }

    /// Empties it, and gives the memory back.
    mutating func release() {
        free(base)
        base = nil
        capacity = 0
        count = 0
    }

    private mutating func grow(toHold needed: Int) {
        let larger = max(needed, capacity + capacity / 2, 16 << 10)
        guard let moved = realloc(base, larger) else {
            // As Swift's own allocations do: there is nothing to go on with.
            abort()
        }
        base = moved
        capacity = larger
    }
}
