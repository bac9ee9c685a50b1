import OperationLogs

/// Reads a stored dead letter back: the exact inverse of `DeadLetter.json`, and nothing else. Total: whatever does not
/// have that shape is nil.
struct StoredLetter {
    private let bytes: UnsafeRawBufferPointer
    private var at = 0

    /// - Parameter json: the object, without anything around it.
    static func read(_ json: UnsafeRawBufferPointer) -> DeadLetter? {
        var reader = StoredLetter(bytes: json)
        return reader.letter()
    }

    /// - Returns: nil for a tombstone that says nothing but that the dead letter is over.
    static func readEnding(_ json: UnsafeRawBufferPointer) -> DeadLetterEnding? {
        var reader = StoredLetter(bytes: json)
        guard reader.expect("{\"id\":"), let id = reader.text().flatMap({ UInt64($0) }),
            reader.expect(",\"fate\":"), let fate = reader.text().flatMap({ DeadLetterEnding.Fate(rawValue: $0) }),
            reader.expect(",\"time\":"), let time = reader.text().flatMap({ Timestamp(stored: $0) })
        else { return nil }
        var ending = DeadLetterEnding(id: SequenceNumber(id), fate: fate, time: time)
        if reader.expect(",\"as\":") {
            guard let successor = reader.text().flatMap({ UInt64($0) }) else { return nil }
            ending.successor = SequenceNumber(successor)
        }
        return reader.expect("}") && reader.at == json.count ? ending : nil
    }

    private init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    private mutating func letter() -> DeadLetter? {
        guard expect("{\"id\":"), let id = text().flatMap({ UInt64($0) }),
            expect(",\"time\":"), let time = text().flatMap({ Timestamp(stored: $0) }),
            expect(",\"reason\":"), let reason = text().flatMap({ RejectionReason(name: $0) }),
            expect(",\"detail\":"), let detail = text(),
            expect(",\"sqlstate\":"), let sqlstate = optionalText(),
            expect(",\"event\":"), let eventName = optionalText(),
            expect(",\"source\":{\"input\":"), let input = text(),
            expect(",\"path\":"), let path = optionalText(),
            expect(",\"offset\":"), let offset = number(UInt64.self),
            expect(",\"uid\":"), let uid = optionalNumber(UInt32.self),
            expect(",\"pid\":"), let pid = optionalNumber(UInt32.self),
            expect("},\"line\":"), let line = optionalBytes(),
            expect(",\"line_base64\":"), let encoded = optionalText(),
            expect(",\"truncated\":"), let isTruncated = boolean(), expect("}"), at == bytes.count
        else { return nil }
        let event = eventName.flatMap { EventKind(name: $0) }
        guard eventName == nil || event != nil, let line = line ?? encoded.flatMap({ Base64.decode($0) }) else {
            return nil
        }
        return DeadLetter(
            id: SequenceNumber(id), time: time, reason: reason, detail: detail, sqlstate: sqlstate, event: event,
            // The kind is not stored: a path tells a file, and nothing but a file has one.
            source: RecordOriginator(kind: path == nil ? .socket : .file, input: input, path: path, uid: uid, pid: pid),
            offset: offset, line: line, isTruncated: isTruncated)
    }

    private mutating func expect(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard bytes.count - at >= count else { return false }
        for place in 0..<count where bytes[at + place] != text.utf8Start[place] { return false }
        at += count
        return true
    }

    private mutating func boolean() -> Bool? {
        if expect("true") { return true }
        return expect("false") ? false : nil
    }

    private mutating func number<Number: FixedWidthInteger>(_ type: Number.Type) -> Number? {
        let digits = bytes[at...].prefix { (0x30...0x39).contains($0) }
        at += digits.count
        return Number(String(decoding: digits, as: UTF8.self))
    }

    private mutating func optionalNumber<Number: FixedWidthInteger>(_ type: Number.Type) -> Number?? {
        if expect("null") { return .some(nil) }
        return number(type).map { .some($0) }
    }

    private mutating func text() -> String? { string().flatMap { String(validating: $0, as: UTF8.self) } }

    private mutating func optionalText() -> String?? {
        if expect("null") { return .some(nil) }
        return text().map { .some($0) }
    }

    private mutating func optionalBytes() -> [UInt8]?? {
        if expect("null") { return .some(nil) }
        return string().map { .some($0) }
    }

    /// The bytes of a JSON string.
    private mutating func string() -> [UInt8]? {
        guard expect("\"") else { return nil }
        var found: [UInt8] = []
        while at < bytes.count {
            let plain = bytes[at...].prefix { $0 != 0x22 && $0 != 0x5c }
            found.append(contentsOf: plain)
            at += plain.count
            if expect("\"") { return found }
            guard expect("\\"), at < bytes.count, appendEscaped(to: &found) else { return nil }
        }
        return nil
    }

    /// The escapes that `JSONObjectWriter` writes; characters beyond U+FFFF it writes as they are.
    private mutating func appendEscaped(to found: inout [UInt8]) -> Bool {
        let letter = bytes[at]
        at += 1
        switch letter {
        case 0x22, 0x5c: found.append(letter)
        case 0x6e: found.append(0x0a)
        case 0x72: found.append(0x0d)
        case 0x74: found.append(0x09)
        case 0x75:
            guard bytes.count - at >= 4,
                let code = UInt32(String(decoding: bytes[at..<at + 4], as: UTF8.self), radix: 16),
                let scalar = Unicode.Scalar(code), let units = UTF8.encode(scalar)
            else { return false }
            found.append(contentsOf: units)
            at += 4
        default: return false
        }
        return true
    }
}
