/// Bytes in the query of a request, as RFC 3986 section 2.1 has them.
public enum PercentEncoding {
    /// Everything but letters, digits and `-._~` as `%XX`.
    public static func encode(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            let scalar = Unicode.Scalar(byte)
            if byte < 0x80,
                scalar.properties.isAlphabetic || "0"..."9" ~= scalar || "-._~".unicodeScalars.contains(scalar)
            {
                encoded.unicodeScalars.append(scalar)
            } else {
                encoded += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return encoded
    }

    /// nil if a `%` is not followed by two hexadecimal digits.
    static func decode(_ text: some StringProtocol) -> [UInt8]? {
        var decoded: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                decoded.append(byte)
                continue
            }
            let digits = rest.prefix(2)
            guard digits.count == 2, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
            else { return nil }
            decoded.append(value)
            rest = rest.dropFirst(2)
        }
        return decoded
    }

    /// The value of a key in the query of a request's target; nil if there is none.
    static func value(of key: String, in target: String) -> [UInt8]? {
        let query = target.drop { $0 != "?" }.dropFirst().prefix { $0 != "#" }
        for pair in query.split(separator: "&") where pair.hasPrefix(key + "=") {
            return decode(pair.dropFirst(key.count + 1))
        }
        return nil
    }
}
