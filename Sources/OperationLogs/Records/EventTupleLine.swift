// An event written again as a line.
extension EventTuple {
    /// Appends the event as one JSON object without a line's end, in the columns' own names: `{"event":"cast_errors",…}`.
    ///
    /// NULL columns are left out, JSONB stands as it was written, times are in UTC with microseconds. Parsing the line
    /// again gives the identical tuple.
    ///
    /// - Parameter front: keys to stand before the event's own.
    public func appendLine(to line: inout [UInt8], after front: JSONObjectWriter? = nil) {
        let opening = front?.text.utf8.dropLast() ?? "{".utf8[...]
        line += opening
        if opening.count > 1 { line.append(UInt8(ascii: ",")) }
        line += "\"event\":\"\(kind.name)\"".utf8
        for (index, column) in kind.columns.enumerated() {
            guard let field = field(index) else { continue }
            line += ",\"\(column.name)\":".utf8
            switch column.form {
            case .text, .literal: Self.appendQuoted(field, to: &line)
            case .timestamp: line += "\"\(Timestamp(microseconds: field.bigEndian(0)).line)\"".utf8
            case .integer: line += "\(field.bigEndian(0, as: Int32.self))".utf8
            case .json: line += field[1...]
            }
        }
        line.append(UInt8(ascii: "}"))
    }

    /// The line in memory of its own.
    public var line: [UInt8] {
        var line: [UInt8] = []
        appendLine(to: &line)
        return line
    }

    private static func appendQuoted(_ text: UnsafeRawBufferPointer, to line: inout [UInt8]) {
        let isPlain = text.allSatisfy {
            $0 >= 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
        }
        if isPlain {
            line.append(UInt8(ascii: "\""))
            line += text
            line.append(UInt8(ascii: "\""))
        } else {
            line += JSONObjectWriter.quoted(String(decoding: text, as: UTF8.self)).utf8
        }
    }
}

extension Timestamp {
    /// As a line can carry it. In UTC, but where UTC has left the years 1 to 9999, which RFC 3339 ends with: then with
    /// the widest offset, which is how a line can only have named such a moment.
    fileprivate var line: String {
        let text = rfc3339
        if Self.yearsOfRFC3339.contains(microseconds) { return text }
        if microseconds == Self.leapSecondOfLastYear { return "9999-12-31T23:59:60-15:59" }
        let offset: Int64 = microseconds < Self.yearsOfRFC3339.lowerBound ? 1 : -1
        let local = Timestamp(microseconds: microseconds + offset * Self.widestOffset)
        return String(local.rfc3339.dropLast()) + (offset > 0 ? "+15:59" : "-15:59")
    }

    /// From 0001-01-01T00:00:00Z to before 10000-01-01T00:00:00Z.
    private static let yearsOfRFC3339: Range<Int64> = -730_119 * 86_400_000_000..<2_921_940 * 86_400_000_000
    /// 15 hours and 59 minutes.
    private static let widestOffset: Int64 = 57_540_000_000
    /// The second behind the last of the year 9999, sixteen hours less a minute west of Greenwich.
    private static let leapSecondOfLastYear: Int64 = 2_921_940 * 86_400_000_000 + 57_540_000_000
}
