/// Base64 with padding (RFC 4648 section 4), for lines that are not UTF-8.
public enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    public static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.enumerated().reduce(UInt32(0)) { $0 | UInt32($1.element) << (16 - 8 * UInt32($1.offset)) }
            for place in 0..<4 {
                text.append(place <= group.count ? alphabet[Int(bits >> (18 - 6 * UInt32(place)) & 63)] : 0x3d)
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// - Returns: nil if `text` is not base64.
    public static func decode(_ text: String) -> [UInt8]? {
        let symbols = Array(text.utf8)
        guard symbols.count.isMultiple(of: 4) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(symbols.count / 4 * 3)
        for start in stride(from: 0, to: symbols.count, by: 4) {
            var bits: UInt32 = 0
            var padding = 0
            for place in 0..<4 {
                let symbol = symbols[start + place]
                if symbol == 0x3d, start + 4 == symbols.count, place >= 2 {
                    padding += 1
                    bits <<= 6
                } else if padding == 0, let value = alphabet.firstIndex(of: symbol) {
                    bits = bits << 6 | UInt32(value)
                } else {
                    return nil
                }
            }
            bytes.append(UInt8(bits >> 16 & 0xff))
            if padding < 2 { bytes.append(UInt8(bits >> 8 & 0xff)) }
            if padding < 1 { bytes.append(UInt8(bits & 0xff)) }
        }
        return bytes
    }
}
