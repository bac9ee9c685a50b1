// Why an object is no event. Off the path of a good line.
extension EventTyping {
    /// The object names no kind that the source may send.
    @inline(never)
    func eventFailure(_ line: borrowing LineScanner) -> LineFailure {
        if let kind = namedKind(of: line) { return notPermitted(EventKind.allCases[kind], line) }
        guard let event = line.event, event.form != .null else {
            return LineFailure(
                reason: .missingEvent, event: nil, column: line.column(line.start),
                detail: RejectionDetail.missingEvent(names.mapping.eventKey))
        }
        guard event.form == .string else {
            return LineFailure(
                reason: .wrongType, event: nil, column: line.column(event.valueStart),
                detail: RejectionDetail.wrongType(names.mapping.eventKey, event.form, expected: .text))
        }
        return LineFailure(
            reason: .unknownEvent, event: nil, column: line.column(event.valueStart),
            detail: RejectionDetail.unknownEvent(names.mapping.eventKey, event.unescapedValue))
    }

    /// The kind is known, and the source may not send it.
    private func notPermitted(_ kind: EventKind, _ line: borrowing LineScanner) -> LineFailure {
        LineFailure(
            reason: .notPermitted, event: kind, column: line.column(line.event?.valueStart ?? line.start),
            detail: RejectionDetail.notPermitted(names.mapping.eventKey, kind))
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
    func unknownField(_ field: UnsafeMutablePointer<JSONField>, _ line: borrowing LineScanner) -> LineFailure {
        failure(.unknownField, field.pointee.key - 1, line) { table in
            RejectionDetail.unknownField(field.pointee.unescapedKey, of: table.kind, names.mapping)
        }
    }

    @inline(never)
    func missingField(_ column: Int, _ line: borrowing LineScanner) -> LineFailure {
        failure(.missingField, line.start, line) { table in
            RejectionDetail.missing(names.name(of: column, table.kind))
        }
    }

    @inline(never)
    func wrongType(
        _ column: Int, _ field: UnsafeMutablePointer<JSONField>, _ line: borrowing LineScanner
    ) -> LineFailure {
        let form = table.pointee.form(column)
        return failure(.wrongType, field.pointee.valueStart, line) { table in
            RejectionDetail.wrongType(
                names.name(of: column, table.kind), field.pointee.form, expected: form,
                takesNumbers: names.epoch != nil)
        }
    }

    @inline(never)
    func notATime(
        _ column: Int, _ field: UnsafeMutablePointer<JSONField>, _ line: borrowing LineScanner
    ) -> LineFailure {
        failure(.invalidTimestamp, field.pointee.valueStart, line) { table in
            RejectionDetail.notATime(
                names.name(of: column, table.kind), field.pointee.unescapedValue,
                needsOffset: names.timeZone == nil)
        }
    }

    @inline(never)
    func beyondYears(
        _ column: Int, _ field: UnsafeMutablePointer<JSONField>, _ line: borrowing LineScanner
    ) -> LineFailure {
        let text = UnsafeBufferPointer(start: field.pointee.value, count: Int(field.pointee.valueLength))
        return failure(.outOfRange, field.pointee.valueStart, line) { table in
            RejectionDetail.beyondYears(names.name(of: column, table.kind), Array(text))
        }
    }

    @inline(never)
    func inTheFuture(
        _ column: Int, _ field: UnsafeMutablePointer<JSONField>, _ time: Int64, _ line: borrowing LineScanner
    ) -> LineFailure {
        failure(.outOfRange, field.pointee.valueStart, line) { table in
            RejectionDetail.inTheFuture(
                names.name(of: column, table.kind), Timestamp(microseconds: time), received: received)
        }
    }

    @inline(never)
    func beyondNumeric(
        _ column: Int, _ field: UnsafeMutablePointer<JSONField>, _ line: borrowing LineScanner
    ) -> LineFailure {
        failure(.outOfRange, field.pointee.valueStart, line) { table in
            RejectionDetail.beyondNumeric(names.name(of: column, table.kind))
        }
    }

    @inline(never)
    func notAnInteger(
        _ column: Int, _ field: UnsafeMutablePointer<JSONField>, _ line: borrowing LineScanner
    ) -> LineFailure {
        let text = UnsafeBufferPointer(start: field.pointee.value, count: Int(field.pointee.valueLength))
        let isIntegral = JSONNumber.integer(text) == .outOfRange
        return failure(isIntegral ? .outOfRange : .wrongType, field.pointee.value, line) { table in
            let name = names.name(of: column, table.kind)
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
