/// Types the columns of one event: what a scanned object says becomes the row, or the reason why it is none.
///
/// Keys are taken in the order of the line, so the first that does not fit is the reason. An object in which a key
/// stands twice is told so before anything else is said of it.
struct EventTyping<Names: LineNames> {
    /// The row, once `type` has returned nil: the columns of `table`.
    let columns: UnsafeMutablePointer<TypedColumn>
    private(set) var table: UnsafePointer<ColumnTable>
    let names: Names
    let tables: UnsafePointer<ColumnTable>
    let received: Timestamp
    /// The latest `log_time` or `updated_at` that is believed.
    let latestTime: Int64
    private var permitted: EventKindSet
    /// Whether the line carries no receipt column.
    private(set) var lacksReceipt = false

    init(
        columns: UnsafeMutablePointer<TypedColumn>, names: Names, received: Timestamp,
        maxFutureMicroseconds: Int64, permitted: EventKindSet
    ) {
        self.columns = columns
        self.names = names
        tables = names.tables
        table = tables
        self.received = received
        self.permitted = permitted
        let (sum, overflow) = received.microseconds.addingReportingOverflow(maxFutureMicroseconds)
        latestTime = overflow ? .max : sum
    }

    /// - Returns: nil if the columns are typed; else the line's reason.
    @inline(__always)
    mutating func type(_ line: borrowing LineScanner) -> LineFailure? {
        var met = MetColumns()
        guard let failure = typeInOrder(line, &met) else {
            // Whatever was left out may have stood there before, as a column too.
            return met.leftOut && line.mayRepeatKey ? line.duplicateKey() : nil
        }
        return line.duplicateKey() ?? failure
    }

    @inline(__always)
    private mutating func typeInOrder(_ line: borrowing LineScanner, _ met: inout MetColumns) -> LineFailure? {
        guard let kind = kind(of: line) else { return eventFailure(line) }
        table = tables + kind
        let count = table.pointee.count
        for index in 0..<count { columns[index].form = .null }
        let eventKey = line.event?.key
        var index = 0
        while index < line.fieldCount {
            let field = line.fields + index
            index &+= 1
            if field.pointee.key == eventKey { continue }
            if let failure = typeField(field, &met, line) { return failure }
        }
        if names.ignoresUnknown, index == LineScanner.fieldLimit,
            let failure = typeFurtherFields(eventKey, &met, line)
        {
            return failure
        }
        lacksReceipt = met.present & (1 &<< UInt32(truncatingIfNeeded: count &- 1)) == 0
        let missing = table.pointee.required & ~met.present
        return missing == 0 ? nil : missingField(missing.trailingZeroBitCount, line)
    }

    /// Of an object with more keys than any event has columns.
    @inline(never)
    private mutating func typeFurtherFields(
        _ eventKey: UnsafePointer<UInt8>?, _ met: inout MetColumns, _ line: borrowing LineScanner
    ) -> LineFailure? {
        for place in line.furtherFields.indices where line.furtherFields[place].key != eventKey {
            var field = line.furtherFields[place]
            let failure = withUnsafeMutablePointer(to: &field) { typeField($0, &met, line) }
            if let failure { return failure }
        }
        return nil
    }

    @inline(__always)
    private mutating func typeField(
        _ field: UnsafeMutablePointer<JSONField>, _ met: inout MetColumns, _ line: borrowing LineScanner
    ) -> LineFailure? {
        guard let column = column(of: field.pointee, expected: met.expected, readable: line.readable),
            met.seen & (1 &<< UInt32(truncatingIfNeeded: column)) == 0
        else {
            // One that stands a second time is left out too: that is told in the end.
            met.leftOut = names.ignoresUnknown
            return met.leftOut ? nil : unknownField(field, line)
        }
        met.expected = column &+ 1
        met.seen |= 1 &<< UInt32(truncatingIfNeeded: column)
        if field.pointee.form == .null { return nil }
        met.present |= 1 &<< UInt32(truncatingIfNeeded: column)
        return typeColumn(column, field, line)
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
            return take(time, column, field, line)
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
        case (.timestamp, .number):
            guard let unit = names.epoch else { return wrongType(column, field, line) }
            let text = UnsafeBufferPointer(start: field.pointee.value, count: Int(field.pointee.valueLength))
            guard case .time(let time) = EpochTime.read(text, unit) else { return beyondYears(column, field, line) }
            return take(time, column, field, line)
        case (.literal, .number), (.literal, .boolean):
            slot.pointee.form = .text
        default:
            return wrongType(column, field, line)
        }
        return nil
    }

    /// A moment, unless it is one that is not believed.
    @inline(__always)
    private mutating func take(
        _ time: Int64, _ column: Int, _ field: UnsafeMutablePointer<JSONField>, _ line: borrowing LineScanner
    ) -> LineFailure? {
        if time > latestTime, column == table.pointee.count &- 1 { return inTheFuture(column, field, time, line) }
        columns[column].form = .timestamp
        columns[column].number = time
        return nil
    }

    /// The number of the kind that the line names, less one; nil also of one that the source may not send, so that a good
    /// line meets no further way out.
    @inline(__always)
    private func kind(of line: borrowing LineScanner) -> Int? {
        guard let event = line.event, event.form != .null else { return permitted(names.usualKind) }
        guard event.form == .string else { return nil }
        guard let name = packed(event.value, event.valueLength, event.valueIsEscaped, readable: line.readable) else {
            return permitted(names.kind(ofLongWord: event.unescapedValue))
        }
        if let kind = names.kind(ofWord: name) { return permitted(kind) }
        for kind in 0..<EventKind.allCases.count where tables[kind].name == name { return permitted(kind) }
        return nil
    }

    @inline(__always)
    private func permitted(_ kind: Int?) -> Int? {
        guard let kind, permitted.contains(number: kind &+ 1) else { return nil }
        return kind
    }

    /// The number of the kind that the line names, less one, whoever sends it.
    func namedKind(of line: borrowing LineScanner) -> Int? {
        var everyone = self
        everyone.permitted = .all
        return everyone.kind(of: line)
    }

    @inline(__always)
    private func column(of field: JSONField, expected: Int, readable: UnsafePointer<UInt8>) -> Int? {
        guard let name = packed(field.key, field.keyLength, field.keyIsEscaped, readable: readable) else {
            return names.column(ofLongKey: field.unescapedKey, kind: table.pointee.kind)
        }
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
        return read(field.pointee.value, Int(field.pointee.valueLength))
    }

    @inline(__always)
    private func read(_ text: UnsafePointer<UInt8>, _ count: Int) -> Int64? {
        if let time = RFC3339Time.microseconds(text, count) { return time }
        return names.timeZone.flatMap { RFC3339Time.microseconds(text, count, localTo: $0) }
    }

    @inline(never)
    private func timeUnescaped(_ field: UnsafeMutablePointer<JSONField>) -> Int64? {
        field.pointee.unescapedValue.withUnsafeBufferPointer { text in
            text.baseAddress.flatMap { read($0, text.count) }
        }
    }
}

/// What has been met of a line's columns so far: a bit for each.
private struct MetColumns {
    var seen: UInt32 = 0
    /// Those that hold something.
    var present: UInt32 = 0
    /// The column that is looked for first: lines mostly carry their keys in the order of the columns.
    var expected = 0
    /// Whether keys that are no column were left out.
    var leftOut = false
}
