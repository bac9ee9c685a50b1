/// A running 64-bit hash of a file's content: fast (a multiplication for eight bytes), and resumable at any byte.
///
/// It tells contents apart that differ by accident, as a renamed, rewritten or copied log does; it is no defence against
/// somebody who makes two files collide. The value stands in positions on disk: the function never changes.
struct ContentHash: Sendable, Hashable {
    private(set) var state: UInt64 = 0x9e37_79b9_7f4a_7c15
    /// Bytes that do not fill a word yet, the first in the lowest byte.
    private(set) var pending: UInt64 = 0
    private(set) var count: UInt64 = 0

    init() {}

    init(state: UInt64, pending: UInt64, count: UInt64) {
        self.state = state
        self.pending = pending
        self.count = count
    }

    /// Of the bytes so far; their number is mixed in.
    var value: UInt64 {
        var hash = state ^ (pending &* Self.first) ^ count
        hash = (hash ^ (hash >> 32)) &* Self.second
        return hash ^ (hash >> 29)
    }

    static func of(_ bytes: UnsafeRawBufferPointer) -> ContentHash {
        var hash = ContentHash()
        hash.update(bytes)
        return hash
    }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress, bytes.count > 0 else { return }
        var at = 0
        var filled = Int(count & 7)
        count &+= UInt64(bytes.count)
        if filled > 0 {
            while filled < 8, at < bytes.count {
                pending |= UInt64(base.load(fromByteOffset: at, as: UInt8.self)) << UInt64(8 * filled)
                filled += 1
                at += 1
            }
            guard filled == 8 else { return }
            mix(pending)
            pending = 0
        }
        var state = state
        while at &+ 8 <= bytes.count {
            state = Self.mixed(state, UInt64(littleEndian: base.loadUnaligned(fromByteOffset: at, as: UInt64.self)))
            at &+= 8
        }
        self.state = state
        var shift: UInt64 = 0
        while at < bytes.count {
            pending |= UInt64(base.load(fromByteOffset: at, as: UInt8.self)) << shift
            shift += 8
            at += 1
        }
    }

    private mutating func mix(_ word: UInt64) { state = Self.mixed(state, word) }

    @inline(__always)
    private static func mixed(_ state: UInt64, _ word: UInt64) -> UInt64 {
        let joined = state ^ (word &* first)
        return ((joined << 27) | (joined >> 37)) &* second &+ 0x52dc_e729
    }

    private static let first: UInt64 = 0x87c3_7b91_1142_53d5
    private static let second: UInt64 = 0x4cf5_ad43_2745_937f
}
