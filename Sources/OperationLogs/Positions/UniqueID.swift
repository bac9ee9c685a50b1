/// 128 random bits that name a spool or a run of the daemon; written as a UUID (RFC 9562, version 4).
public struct UniqueID: Sendable, Hashable, CustomStringConvertible {
    public var high: UInt64
    public var low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    public static let zero = UniqueID(high: 0, low: 0)

    /// A new one, from the kernel's random numbers.
    public static func random() -> UniqueID {
        var generator = SystemRandomNumberGenerator()
        return UniqueID(
            high: generator.next() & ~0xf000 | 0x4000, low: generator.next() & ~(0b11 << 62) | (0b10 << 62))
    }

    /// As UUIDs are written; also accepts upper case.
    public init?(_ text: some StringProtocol) {
        var (high, low, at): (UInt64, UInt64, Int) = (0, 0, 0)
        for byte in text.utf8 {
            switch at {
            case 8, 13, 18, 23: guard byte == UInt8(ascii: "-") else { return nil }
            case ..<36:
                guard let digit = Self.value(ofHexDigit: byte) else { return nil }
                high = high << 4 | low >> 60
                low = low << 4 | digit
            default: return nil
            }
            at += 1
        }
        guard at == 36 else { return nil }
        self.init(high: high, low: low)
    }

    private static func value(ofHexDigit byte: UInt8) -> UInt64? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }

    public var description: String {
        func hex(_ value: UInt64, _ digits: Int) -> String {
            let text = String(value, radix: 16)
            return String(repeating: "0", count: digits - text.utf8.count) + text
        }
        return [
            hex(high >> 32, 8), hex(high >> 16 & 0xffff, 4), hex(high & 0xffff, 4), hex(low >> 48, 4),
            hex(low & 0xffff_ffff_ffff, 12),
        ].joined(separator: "-")
    }
}
