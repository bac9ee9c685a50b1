// Why an object is no event. Off the path of a good line.
extension EventTyping {
    /// The object names no kind that the source may send.
    @inline(never)
    func eventFailure(_ line: borrowing LineScanner) -> LineFailure {
        guard let event = line.event, event.form != .null else {
            return LineFailure(
                reason: .missingEvent, event: nil, column: line.column(line.start), detail: RejectionDetail.missingEvent
            )
        }
        guard event.form == .string else {
            return LineFailure(
                reason: .wrongType, event: nil, column: line.column(event.valueStart),
                detail: RejectionDetail.wrongType("event", event.form, expected: .text))
        }
        let name = event.unescapedValue
        if let kind = EventKind(name: String(decoding: name, as: UTF8.self)) {
            return LineFailure(
                reason: .notPermitted, event: kind, column: line.column(event.valueStart),
                detail: RejectionDetail.notPermitted(kind))
        }
        return LineFailure(
            reason: .unknownEvent, event: nil, column: line.column(event.valueStart),
            detail: RejectionDetail.unknownEvent(name))
    }

    @inline(never)
    func failure(
        _ reason: RejectionReason, _ at: UnsafePointer<UInt8>, _ line: borrowing LineScanner,
        _ detail: (ColumnTable) -> String
    ) -> LineFailure {
        LineFailure(
            reason: reason, event: table.pointee.kind, column: line.column(at), detail: detail(table.pointee))
    }

    @inline(never)
    func wrongType(
        _ column: Int, _ field: UnsafeMutablePointer<JSONField>, _ line: borrowing LineScanner
    ) -> LineFailure {
        let form = table.pointee.form(column)
        return failure(.wrongType, field.pointee.valueStart, line) { table in
            RejectionDetail.wrongType(table.kind.columns[column].name, field.pointee.form, expected: form)
        }
    }

    @inline(never)
    func notATime(
        _ column: Int, _ field: UnsafeMutablePointer<JSONField>, _ line: borrowing LineScanner
    ) -> LineFailure {
        failure(.invalidTimestamp, field.pointee.valueStart, line) { table in
            RejectionDetail.notATime(table.kind.columns[column].name, field.pointee.unescapedValue)
        }
    }

    @inline(never)
    func inTheFuture(
        _ column: Int, _ field: UnsafeMutablePointer<JSONField>, _ time: Int64, _ line: borrowing LineScanner
    ) -> LineFailure {
        failure(.outOfRange, field.pointee.valueStart, line) { table in
            RejectionDetail.inTheFuture(
                table.kind.columns[column].name, Timestamp(microseconds: time), received: received)
        }
    }

    @inline(never)
    func beyondNumeric(
        _ column: Int, _ field: UnsafeMutablePointer<JSONField>, _ line: borrowing LineScanner
    ) -> LineFailure {
        failure(.outOfRange, field.pointee.valueStart, line) { table in
            RejectionDetail.beyondNumeric(table.kind.columns[column].name)
        }
    }

    @inline(never)
    func notAnInteger(
        _ column: Int, _ field: UnsafeMutablePointer<JSONField>, _ line: borrowing LineScanner
    ) -> LineFailure {
        let text = UnsafeBufferPointer(start: field.pointee.value, count: Int(field.pointee.valueLength))
        let isIntegral = JSONNumber.integer(text) == .outOfRange
        return failure(isIntegral ? .outOfRange : .wrongType, field.pointee.value, line) { table in
            let name = table.kind.columns[column].name
            return isIntegral
                ? RejectionDetail.beyondInteger(name, Array(text)) : RejectionDetail.notIntegral(name, Array(text))
        }
    }
}

extension JSONField {
    var unescapedKey: [UInt8] { JSONText.bytes(key, Int(keyLength), isEscaped: keyIsEscaped) }
    /// Of a string: what it means.
    var unescapedValue: [UInt8] { JSONText.bytes(value, Int(valueLength), isEscaped: valueIsEscaped) }
}

extension LineScanner {
    /// The column of a byte, from 1.
    func column(_ at: UnsafePointer<UInt8>) -> Int { at - start + 1 }

    /// Why the line is not JSON.
    var malformed: LineFailure? {
        fault.map { fault in
            let column = column(fault.at)
            return LineFailure(
                reason: fault.reason, event: nil, column: column,
                detail: RejectionDetail.malformed(fault, column: column))
        }
    }
}
