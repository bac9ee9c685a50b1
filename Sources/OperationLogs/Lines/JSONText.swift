/// The bodies of JSON strings (RFC 8259 section 7), once the scanner has found them valid.
package enum JSONText {
    /// Writes what a string's body means. It is never longer than the body.
    ///
    /// - Parameters:
    ///   - body: valid, without its quotes.
    ///   - target: has room for `count` bytes.
    /// - Returns: the bytes written.
    static func unescape(
        _ body: UnsafePointer<UInt8>, _ count: Int, to target: UnsafeMutablePointer<UInt8>
    ) -> Int {
        var from = body
        let end = body + count
        var to = target
        while from < end {
            let byte = from[0]
            guard byte == UInt8(ascii: "\\"), end - from >= 2 else {
                to[0] = byte
                to += 1
                from += 1
                continue
            }
            let escape = from[1]
            if escape == UInt8(ascii: "u"), end - from >= 6 {
                var scalar = hexadecimal(from + 2)
                from += 6
                if scalar & 0xfc00 == 0xd800, end - from >= 6 {
                    scalar = 0x10000 + (scalar & 0x3ff) << 10 + hexadecimal(from + 2) & 0x3ff
                    from += 6
                }
                to = encode(scalar, to: to)
            } else {
                to[0] = meaning(of: escape)
                to += 1
                from += 2
            }
        }
        return to - target
    }

    /// What a string's body means, in memory of its own.
    static func bytes(_ body: UnsafePointer<UInt8>, _ count: Int, isEscaped: Bool) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { room, filled in
            guard let target = room.baseAddress, count > 0 else { return }
            if isEscaped {
                filled = unescape(body, count, to: target)
            } else {
                target.update(from: body, count: count)
                filled = count
            }
        }
    }

    /// What a valid string's body means, in memory of its own.
    package static func bytes(unescaping body: UnsafeRawBufferPointer) -> [UInt8] {
        body.withMemoryRebound(to: UInt8.self) { body in
            body.baseAddress.map { bytes($0, body.count, isEscaped: true) } ?? []
        }
    }

    /// The byte that a two-character escape stands for.
    private static func meaning(of escape: UInt8) -> UInt8 {
        switch escape {
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0c
        case UInt8(ascii: "n"): 0x0a
        case UInt8(ascii: "r"): 0x0d
        case UInt8(ascii: "t"): 0x09
        default: escape
        }
    }

    /// Four hexadecimal digits.
    @inline(__always)
    static func hexadecimal(_ digits: UnsafePointer<UInt8>) -> UInt32 {
        var value: UInt32 = 0
        for place in 0..<4 { value = value << 4 | UInt32(hexadecimalValue(digits[place]) & 15) }
        return value
    }

    /// The value of a hexadecimal digit; 255 for any other byte.
    @inline(__always)
    static func hexadecimalValue(_ digit: UInt8) -> UInt8 {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit &- UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit &- UInt8(ascii: "a") &+ 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit &- UInt8(ascii: "A") &+ 10
        default: 255
        }
    }

    private static func encode(_ scalar: UInt32, to: UnsafeMutablePointer<UInt8>) -> UnsafeMutablePointer<UInt8> {
        func continuation(_ shift: UInt32) -> UInt8 { UInt8(truncatingIfNeeded: 0x80 | scalar >> shift & 0x3f) }
        func lead(_ mark: UInt32, _ shift: UInt32) -> UInt8 { UInt8(truncatingIfNeeded: mark | scalar >> shift) }
        switch scalar {
        case 0..<0x80:
            to[0] = UInt8(truncatingIfNeeded: scalar)
            return to + 1
        case 0x80..<0x800:
            to[0] = lead(0xc0, 6)
            to[1] = continuation(0)
            return to + 2
        case 0x800..<0x10000:
            to[0] = lead(0xe0, 12)
            to[1] = continuation(6)
            to[2] = continuation(0)
            return to + 3
        default:
            to[0] = lead(0xf0, 18)
            to[1] = continuation(12)
            to[2] = continuation(6)
            to[3] = continuation(0)
            return to + 4
        }
    }
}
