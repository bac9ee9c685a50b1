/// Types the columns of one event: what a scanned object says becomes the row, or the reason why it is none.
///
/// Keys are taken in the order of the line, so the first that does not fit is the reason. An object in which a key
/// stands twice is told so before anything else is said of it.
struct EventTyping {
    /// More than any kind has columns.
    static let columnLimit = 8

    /// The row, once `type` has returned nil: the columns of `table`.
    let columns: UnsafeMutablePointer<TypedColumn>
    private(set) var table: UnsafePointer<ColumnTable>
    let tables: UnsafePointer<ColumnTable>
    let received: Timestamp
    /// The latest `log_time` or `updated_at` that is believed.
    let latestTime: Int64
    let permitted: EventKindSet
    /// Whether the line carries no receipt column.
    private(set) var lacksReceipt = false

    init(
        columns: UnsafeMutablePointer<TypedColumn>, tables: UnsafePointer<ColumnTable>, received: Timestamp,
        maxFutureMicroseconds: Int64, permitted: EventKindSet
    ) {
        self.columns = columns
        self.tables = tables
        table = tables
        self.received = received
        self.permitted = permitted
        let (sum, overflow) = received.microseconds.addingReportingOverflow(maxFutureMicroseconds)
        latestTime = overflow ? .max : sum
    }

    /// - Returns: nil if the columns are typed; else the line's reason.
    @inline(__always)
    mutating func type(_ line: borrowing LineScanner) -> LineFailure? {
        guard let failure = typeInOrder(line) else { return nil }
        return line.duplicateKey() ?? failure
    }

    @inline(__always)
    private mutating func typeInOrder(_ line: borrowing LineScanner) -> LineFailure? {
        guard let found = line.event, let kind = kind(of: found, readable: line.readable) else {
            return eventFailure(line)
        }
        table = tables + kind
        let count = table.pointee.count
        for index in 0..<count { columns[index].form = .null }
        var seen: UInt32 = 0
        var present: UInt32 = 0
        var expected = 0
        var index = 0
        while index < line.fieldCount {
            let field = line.fields + index
            index &+= 1
            if field.pointee.key == found.key { continue }
            guard let column = column(of: field.pointee, expected: expected, readable: line.readable),
                seen & (1 &<< UInt32(truncatingIfNeeded: column)) == 0
            else {
                return failure(.unknownField, field.pointee.key - 1, line) { table in
                    RejectionDetail.unknownField(field.pointee.unescapedKey, of: table.kind)
                }
            }
            expected = column &+ 1
            seen |= 1 &<< UInt32(truncatingIfNeeded: column)
            if field.pointee.form == .null { continue }
            present |= 1 &<< UInt32(truncatingIfNeeded: column)
            if let failure = typeColumn(column, field, line) { return failure }
        }
        lacksReceipt = present & (1 &<< UInt32(truncatingIfNeeded: count &- 1)) == 0
        let missing = table.pointee.required & ~present
        return missing == 0
            ? nil
            : failure(.missingField, line.start, line) { table in
                RejectionDetail.missing(table.kind.columns[missing.trailingZeroBitCount].name)
            }
    }

    /// One column from a value that is not null.
    @inline(__always)
    private mutating func typeColumn(
        _ column: Int, _ field: UnsafeMutablePointer<JSONField>, _ line: borrowing LineScanner
    ) -> LineFailure? {
        let slot = columns + column
        slot.pointee.start = field.pointee.value
        slot.pointee.count = field.pointee.valueLength
        let form = table.pointee.form(column)
        switch (form, field.pointee.form) {
        case (.text, .string), (.literal, .string):
            slot.pointee.form = field.pointee.valueIsEscaped ? .escapedText : .text
        case (.timestamp, .string):
            guard let time = time(field) else { return notATime(column, field, line) }
            if time > latestTime, column == table.pointee.count &- 1 { return inTheFuture(column, field, time, line) }
            slot.pointee.form = .timestamp
            slot.pointee.number = time
        case (.json, _):
            if field.pointee.exceedsNumeric { return beyondNumeric(column, field, line) }
            slot.pointee.form = .json
            if field.pointee.form == .string {
                slot.pointee.start = field.pointee.value - 1
                slot.pointee.count = field.pointee.valueLength &+ 2
            }
        case (.integer, .number):
            let text = UnsafeBufferPointer(start: field.pointee.value, count: Int(field.pointee.valueLength))
            guard case .value(let value) = JSONNumber.integer(text) else { return notAnInteger(column, field, line) }
            slot.pointee.form = .integer
            slot.pointee.number = Int64(value)
        case (.literal, .number), (.literal, .boolean):
            slot.pointee.form = .text
        default:
            return wrongType(column, field, line)
        }
        return nil
    }

    /// The number of the kind that the value of `event` names, less one; nil also of one that the source may not send,
    /// so that a good line meets no further way out.
    @inline(__always)
    private func kind(of event: JSONField, readable: UnsafePointer<UInt8>) -> Int? {
        guard event.form == .string,
            let name = packed(event.value, event.valueLength, event.valueIsEscaped, readable: readable)
        else { return nil }
        for kind in 0..<EventKind.allCases.count where tables[kind].name == name {
            return permitted.contains(number: kind &+ 1) ? kind : nil
        }
        return nil
    }

    @inline(__always)
    private func column(of field: JSONField, expected: Int, readable: UnsafePointer<UInt8>) -> Int? {
        guard let name = packed(field.key, field.keyLength, field.keyIsEscaped, readable: readable) else { return nil }
        return table.pointee.column(name, expected: expected)
    }

    @inline(__always)
    private func packed(
        _ text: UnsafePointer<UInt8>, _ count: Int32, _ isEscaped: Bool, readable: UnsafePointer<UInt8>
    ) -> PackedName? {
        if isEscaped { return packedUnescaped(text, Int(count)) }
        return count <= Int32(PackedName.longest) ? PackedName(text, Int(count), readable: readable) : nil
    }

    @inline(never)
    private func packedUnescaped(_ text: UnsafePointer<UInt8>, _ count: Int) -> PackedName? {
        let name = JSONText.bytes(text, count, isEscaped: true)
        return name.count <= PackedName.longest ? PackedName(String(decoding: name, as: UTF8.self)) : nil
    }

    @inline(__always)
    private func time(_ field: UnsafeMutablePointer<JSONField>) -> Int64? {
        if field.pointee.valueIsEscaped { return timeUnescaped(field) }
        return RFC3339Time.microseconds(field.pointee.value, Int(field.pointee.valueLength))
    }

    @inline(never)
    private func timeUnescaped(_ field: UnsafeMutablePointer<JSONField>) -> Int64? {
        field.pointee.unescapedValue.withUnsafeBufferPointer { text in
            text.baseAddress.flatMap { RFC3339Time.microseconds($0, text.count) }
        }
    }
}
