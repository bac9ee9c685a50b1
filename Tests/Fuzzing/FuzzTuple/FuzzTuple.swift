import Fuzzer
import OperationLogs

/// Values become a line, the line a tuple of binary COPY, and the tuple the same values, read by a decoder of its own;
/// and any bytes are a tuple or are refused.
///
/// Input: the number of a kind, then for each column a byte that says whether and how it is written, and its value.
@main enum FuzzTuple {
    static func main() {
        fuzz { data, size in
            FuzzTuple.test(ByteFeed(data, size))
            return 0
        }
    }

    private static func test(_ input: ByteFeed) {
        var feed = input
        let kinds = EventKind.allCases
        let kind = kinds[Int(feed.byte()) % kinds.count]
        read(kind, feed.rest)
        var expected: [[UInt8]?] = []
        var line = Array("{\"event\":\"\(kind.name)\"".utf8)
        for column in kind.columns {
            guard let (json, field) = value(of: column, &feed) else {
                expected.append(column == kind.receiptColumn ? bigEndian(LineRun.received.microseconds) : nil)
                continue
            }
            line += ",\"\(column.name)\":".utf8
            line += json
            expected.append(field)
        }
        line += "}\n".utf8
        let run = LineRun([line[...]], options)
        require(
            run.payloads.map(decoded) == [expected],
            "\(String(decoding: line, as: UTF8.self)) \(run.rejections) \(run.payloads) \(expected)")
    }

    private static let options = LineEncoder.Options(
        maxLineBytes: 16 << 20, maxFutureMicroseconds: 1 << 61, counting: .lines, takesControlLines: false,
        reportsRejections: true)

    /// A value as a line carries it, and as COPY does; nil for an absent one.
    private static func value(of column: Column, _ feed: inout ByteFeed) -> (json: [UInt8], field: [UInt8])? {
        let how = feed.byte()
        if how & 1 == 0, !column.isRequired { return nil }
        switch column.form {
        case .text: return text(how, &feed)
        case .literal:
            guard how & 2 != 0 else { return text(how, &feed) }
            let number = Array("\(Int64(bitPattern: feed.number(8)))".utf8)
            return (number, number)
        case .timestamp:
            // The years 1 to 9999 in UTC.
            let time = Timestamp(microseconds: Int64(feed.number(8) % 315_537_897_600_000_000) - 63_082_281_600_000_000)
            return (Array("\"\(time.rfc3339)\"".utf8), bigEndian(time.microseconds))
        case .integer:
            let number = Int32(truncatingIfNeeded: feed.number(4))
            return (Array("\(number)\(how & 2 == 0 ? "" : ".000")\(how & 4 == 0 ? "" : "e0")".utf8), bigEndian(number))
        case .json:
            let (string, _) = text(how, &feed)
            let json = how & 2 == 0 ? string : Array("[{\"a\": ".utf8) + string + Array("},-1.50e+2, null ]".utf8)
            return (json, [1] + json)
        }
    }

    private static func text(_ how: UInt8, _ feed: inout ByteFeed) -> (json: [UInt8], field: [UInt8]) {
        let text = String(decoding: feed.take(Int(feed.byte())).map { $0 == 0 ? 1 : $0 }, as: UTF8.self)
        guard how & 8 != 0 else { return (Array(JSONObjectWriter.quoted(text).utf8), Array(text.utf8)) }
        // Every unit escaped, halves of surrogate pairs included.
        let escaped = text.utf16.map { unit in
            let hex = String(unit, radix: 16, uppercase: how & 16 != 0)
            return "\\u" + String(repeating: "0", count: 4 - hex.utf8.count) + hex
        }
        return (Array("\"\(escaped.joined())\"".utf8), Array(text.utf8))
    }

    private static func bigEndian(_ number: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }

    /// As PostgreSQL's documentation describes a tuple: a count of fields, then each with its length, -1 for NULL.
    private static func decoded(_ tuple: [UInt8]) -> [[UInt8]?] {
        var rest = tuple[...]
        func number(_ count: Int) -> UInt32 {
            defer { rest = rest.dropFirst(count) }
            return rest.prefix(count).reduce(0) { $0 << 8 | UInt32($1) }
        }
        var fields: [[UInt8]?] = []
        for _ in 0..<number(2) {
            let length = Int32(bitPattern: number(4))
            guard length >= 0 else {
                require(length == -1, "NULL has the length -1")
                fields.append(nil)
                continue
            }
            fields.append(Array(rest.prefix(Int(length))))
            rest = rest.dropFirst(Int(length))
        }
        require(rest.isEmpty, "nothing stands behind the fields")
        return fields
    }

    /// Any bytes as a tuple: refused, or every column can be asked for.
    private static func read(_ kind: EventKind, _ bytes: ArraySlice<UInt8>) {
        withExactCopy(bytes) { bytes in
            guard let tuple = try? EventTuple(kind, bytes) else { return }
            for (index, column) in kind.columns.enumerated() {
                let field = tuple.field(index)
                require(column.form != .integer || field.map { $0.count == 4 } ?? true, "an integer has four bytes")
                require(
                    column.form != .timestamp || (tuple.timestamp(index) == nil) == (field == nil), "a time has eight")
                _ = tuple.text(index)
            }
            _ = WatermarkEvent(tuple)
            require(!tuple.line.isEmpty, "it can be written as a line")
        }
    }
}
