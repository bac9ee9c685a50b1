/// Changes keys of a line's own object. Everything else stays as it was written, byte for byte.
public struct LineEdit: Sendable {
    /// The text of a JSON value for each key; one that is not there comes last.
    public var values: [(key: String, json: String)]
    public var removed: Set<String>

    public init(values: [(key: String, json: String)] = [], removed: Set<String> = []) {
        self.values = values
        self.removed = removed
    }

    public var isEmpty: Bool { values.isEmpty && removed.isEmpty }

    /// Whether a text is one JSON value that a line can hold.
    public static func isValue(_ json: String) -> Bool {
        withFields(of: Array("{\"v\":\(json)}".utf8)) { $0.count == 1 } ?? false
    }

    /// - Returns: nil if the line is no JSON object.
    public func applied(to line: [UInt8]) -> [UInt8]? {
        Self.withFields(of: line) { fields in
            var left = values
            var parts: [[UInt8]] = []
            for (key, text) in fields where !removed.contains(key) {
                // Of a key that stands there twice, the first takes the value and the others go.
                if values.contains(where: { $0.key == key }) {
                    guard let place = left.firstIndex(where: { $0.key == key }) else { continue }
                    parts.append(Self.part(left.remove(at: place)))
                } else {
                    parts.append(text)
                }
            }
            parts += left.map(Self.part)
            return [0x7b] + parts.joined(separator: [0x2c]) + [0x7d]
        }
    }

    private static func part(_ value: (key: String, json: String)) -> [UInt8] {
        Array((JSONObjectWriter.quoted(value.key) + ":" + value.json).utf8)
    }

    /// Calls `body` with each key and the text of key and value; nil if the line is no JSON object.
    private static func withFields<Result>(
        of line: [UInt8], _ body: ([(key: String, text: [UInt8])]) -> Result
    ) -> Result? {
        // The scanner reads a little beyond the line feed.
        let padded = line + [0x0a] + [UInt8](repeating: 0, count: 64)
        return padded.withUnsafeBufferPointer { bytes in
            guard let start = bytes.baseAddress, !line.contains(0x0a) else { return nil }
            return withUnsafeTemporaryAllocation(of: JSONField.self, capacity: LineScanner.fieldLimit) { room in
                guard let fields = room.baseAddress else { return nil }
                var scanner = LineScanner(
                    fields: fields, start: start, end: start + line.count, readable: start + bytes.count)
                guard scanner.scan(DocumentedNames()), scanner.form == .object else { return nil }
                let all = (0..<scanner.fieldCount).map { fields[$0] } + scanner.furtherFields
                return body(
                    all.map { field in
                        let end = field.value + Int(field.valueLength) + (field.form == .string ? 1 : 0)
                        return (
                            String(decoding: field.unescapedKey, as: UTF8.self),
                            Array(UnsafeBufferPointer(start: field.key - 1, count: end - (field.key - 1)))
                        )
                    })
            }
        }
    }
}
