/// Writes one flat JSON object on one line, keys in the order in which they are added. For answers, lists and dead
/// letters: what people and scripts read, not the path of a line.
public struct JSONObjectWriter {
    private var body = ""

    public init() {}

    /// The object.
    public var text: String { "{\(body)}" }

    /// Adds a string, or null.
    public mutating func add(_ key: String, text value: String?) {
        add(key, raw: value.map(Self.quoted) ?? "null")
    }

    /// Adds JSON text as it is.
    public mutating func add(_ key: String, raw value: String) {
        if !body.isEmpty { body += "," }
        body += "\(Self.quoted(key)):\(value)"
    }

    /// A JSON string. Control characters and bidirectional marks are escaped, so that printing it cannot move a
    /// terminal's cursor or turn text around.
    public static func quoted(_ text: String) -> String {
        var quoted: [UInt8] = [0x22]
        quoted.reserveCapacity(text.utf8.count + 2)
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += [0x5c, 0x22]
            case "\\": quoted += [0x5c, 0x5c]
            case "\n": quoted += [0x5c, 0x6e]
            case "\r": quoted += [0x5c, 0x72]
            case "\t": quoted += [0x5c, 0x74]
            case _ where isUnprintable(scalar):
                let hex = String(scalar.value, radix: 16)
                quoted += Array(("\\u" + String(repeating: "0", count: 4 - hex.utf8.count) + hex).utf8)
            default: quoted += Array(UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            }
        }
        quoted.append(0x22)
        return String(decoding: quoted, as: UTF8.self)
    }

    private static func isUnprintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7f..<0xa0, 0x061c, 0x200e...0x200f, 0x2028...0x202e, 0x2066...0x2069: true
        default: false
        }
    }
}
