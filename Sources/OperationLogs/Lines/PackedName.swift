/// A key, column or table name of up to 24 bytes in three words, so that names compare without a loop.
struct PackedName: Equatable {
    static let longest = 24

    private var first: UInt64 = 0
    private var second: UInt64 = 0
    private var third: UInt64 = 0

    /// - Parameters:
    ///   - count: at most `longest`. Names hold no NUL, so that the padding is no part of any.
    ///   - readable: up to here bytes can be read.
    @inline(__always)
    init(_ name: UnsafePointer<UInt8>, _ count: Int, readable: UnsafePointer<UInt8>) {
        if name + Self.longest <= readable {
            let raw = UnsafeRawPointer(name)
            first = UInt64(littleEndian: raw.loadUnaligned(as: UInt64.self)) & Self.mask(count)
            second = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)) & Self.mask(count &- 8)
            third =
                UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: 16, as: UInt64.self)) & Self.mask(count &- 16)
        } else {
            add(UnsafeBufferPointer(start: name, count: count))
        }
    }

    init(_ name: String) {
        var name = name
        name.withUTF8 { add($0) }
    }

    /// Equal to no name that stands in a line: these bytes are not UTF-8.
    static var none: PackedName {
        var name = PackedName("")
        name.first = .max
        return name
    }

    private mutating func add(_ name: UnsafeBufferPointer<UInt8>) {
        for (place, byte) in name.prefix(Self.longest).enumerated() {
            let shifted = UInt64(byte) << UInt64(place % 8 * 8)
            switch place / 8 {
            case 0: first |= shifted
            case 1: second |= shifted
            default: third |= shifted
            }
        }
    }

    /// The lowest `count` bytes; none or all where `count` lies outside.
    @inline(__always)
    private static func mask(_ count: Int) -> UInt64 {
        count <= 0 ? 0 : count >= 8 ? .max : .max &>> UInt64(truncatingIfNeeded: 64 &- count &* 8)
    }
}
