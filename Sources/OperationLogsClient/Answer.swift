/// What opslogd writes back, a line each.
enum Answer: Hashable {
    case durable(UInt64)
    case rejected(LineRejection)
    case refused(String)
    /// An answer of a later version that was not asked for.
    case other

    /// - Returns: nil for what is not an object with one answer.
    init?(_ line: some Collection<UInt8>) {
        var text = AnswerText(line)
        guard text.take("{"), let name = text.string(), text.take(":") else { return nil }
        switch name {
        case "durable":
            guard let lines = text.number() else { return nil }
            self = .durable(lines)
        case "error":
            guard let message = text.string() else { return nil }
            self = .refused(message)
        case "rejected":
            guard let rejection = Self.rejection(&text) else { return nil }
            self = .rejected(rejection)
        default:
            self = .other
            return
        }
        guard text.take("}"), text.isAtEnd else { return nil }
    }

    /// The keys in any order; those that a later version adds are strings or numbers, and are passed over.
    private static func rejection(_ text: inout AnswerText) -> LineRejection? {
        var line: UInt64?
        var reason: String?
        var detail = ""
        guard text.take("{") else { return nil }
        repeat {
            guard let key = text.string(), text.take(":") else { return nil }
            if let number = text.number() {
                if key == "line" { line = number }
            } else if let value = text.string() {
                if key == "reason" { reason = value }
                if key == "detail" { detail = value }
            } else {
                return nil
            }
        } while text.take(",")
        guard text.take("}"), let line, let reason else { return nil }
        return LineRejection(line: line, reason: reason, detail: detail)
    }
}

/// JSON text, taken piece by piece: as much of the language as answers hold.
private struct AnswerText {
    private let bytes: [UInt8]
    private var at = 0

    init(_ line: some Collection<UInt8>) { bytes = Array(line) }

    private mutating func skipWhiteSpace() {
        while at < bytes.count, [0x20, 0x09, 0x0d].contains(bytes[at]) { at += 1 }
    }

    var isAtEnd: Bool {
        var copy = self
        copy.skipWhiteSpace()
        return copy.at == bytes.count
    }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        skipWhiteSpace()
        guard at < bytes.count, UInt32(bytes[at]) == character.value else { return false }
        at += 1
        return true
    }

    mutating func number() -> UInt64? {
        skipWhiteSpace()
        let digits = bytes[at...].prefix { (0x30...0x39).contains($0) }
        guard let value = UInt64(String(decoding: digits, as: UTF8.self)) else { return nil }
        at += digits.count
        return value
    }

    mutating func string() -> String? {
        guard take("\"") else { return nil }
        var unescaped: [UInt8] = []
        while at < bytes.count {
            let byte = bytes[at]
            at += 1
            switch byte {
            case 0x22: return String(decoding: unescaped, as: UTF8.self)
            case 0x5c:
                guard let scalar = escape() else { return nil }
                unescaped += Array(UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            default: unescaped.append(byte)
            }
        }
        return nil
    }

    private mutating func escape() -> Unicode.Scalar? {
        guard at < bytes.count else { return nil }
        let kind = bytes[at]
        at += 1
        switch kind {
        case 0x22, 0x5c, 0x2f: return Unicode.Scalar(kind)
        case 0x62: return "\u{8}"
        case 0x66: return "\u{c}"
        case 0x6e: return "\n"
        case 0x72: return "\r"
        case 0x74: return "\t"
        case 0x75: return unicode()
        default: return nil
        }
    }

    private mutating func unicode() -> Unicode.Scalar? {
        guard let first = hex() else { return nil }
        guard (0xd800..<0xdc00).contains(first) else { return Unicode.Scalar(first) ?? "\u{fffd}" }
        guard at + 1 < bytes.count, bytes[at] == 0x5c, bytes[at + 1] == 0x75 else { return "\u{fffd}" }
        at += 2
        guard let second = hex(), (0xdc00..<0xe000).contains(second) else { return "\u{fffd}" }
        return Unicode.Scalar(0x10000 + (first - 0xd800) << 10 + (second - 0xdc00))
    }

    private mutating func hex() -> UInt32? {
        guard at + 4 <= bytes.count else { return nil }
        defer { at += 4 }
        return UInt32(String(decoding: bytes[at..<at + 4], as: UTF8.self), radix: 16)
    }
}
