// One line: its scan, its typing, its record.
extension LineEncoder {
    /// Takes the line from `start` up to the line feed at `end`.
    ///
    /// - Returns: whether it is a control line, of which nothing is recorded.
    @inline(__always)
    mutating func take(
        _ start: UnsafePointer<UInt8>, end: UnsafePointer<UInt8>, _ offset: UInt64,
        _ pass: inout LinePass<some LineNames>
    ) -> Bool {
        if pass.length(start, end - start) > options.maxLineBytes {
            rejectOverlong(start, end, offset, pass)
            return false
        }
        var scanner = LineScanner(fields: pass.fields, start: start, end: end, readable: pass.readable)
        let failure: LineFailure?
        if scanner.scan(pass.typing.names), scanner.form == .object {
            if options.takesControlLines, scanner.isControl { return true }
            failure = pass.typing.type(scanner)
            if failure == nil {
                record(offset, end - start, pass)
                return false
            }
        } else {
            if isBlank(start, end) { return false }
            failure =
                pass.isLastLine
                ? LineFailure(
                    reason: .incompleteLine, event: nil, column: end - start + 1, detail: RejectionDetail.incomplete)
                : scanner.malformed
                    ?? LineFailure(
                        reason: .notAnObject, event: nil, column: 1, detail: RejectionDetail.notAnObject(scanner.form))
        }
        if let failure {
            let line = UnsafeRawBufferPointer(start: start, count: pass.length(start, end - start))
            reject(failure, line, isTruncated: false, offset, pass.originator, pass.typing.received, pass.chunk)
        }
        return false
    }

    /// Writes the typed event at the end of the chunk's arena.
    ///
    /// - Parameter lineBytes: texts are copied from the line and never grow, so together they fit in as many bytes.
    @inline(__always)
    private func record(_ offset: UInt64, _ lineBytes: Int, _ pass: borrowing LinePass<some LineNames>) {
        let chunk = pass.chunk
        let table = pass.typing.table.pointee
        chunk.arena.reserve(
            RecordLayout.recordHeader &+ 2 &+ table.count &* TypedColumn.overhead &+ lineBytes)
        var filledIn: Timestamp?
        if pass.typing.lacksReceipt {
            let isWatermark = table.kind == .pipelineWatermarks
            let time = isWatermark ? watermarkClock.fillIn(pass.typing.received) : pass.typing.received
            if isWatermark { filledIn = time }
            pass.typing.columns[table.count &- 1].form = .timestamp
            pass.typing.columns[table.count &- 1].number = time.microseconds
        }
        let record = chunk.arena.base + chunk.arena.count
        var at = record + RecordLayout.recordHeader
        at.storeBigEndian(Int16(truncatingIfNeeded: table.count), 0)
        at += 2
        for column in 0..<table.count { at = pass.typing.columns[column].write(to: at) }
        let length = at - record
        chunk.writeHeader(
            length: length, kind: table.kind.rawValue,
            flags: pass.typing.lacksReceipt ? RecordLayout.receiptFilledIn : 0, originator: pass.originator,
            received: pass.typing.received, offset: offset)
        chunk.arena.count &+= length
        chunk.countEvent(table.kind, receiptFilledIn: filledIn)
    }

    /// A line that ends within the bytes but is longer than allowed.
    @inline(never)
    private mutating func rejectOverlong(
        _ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ offset: UInt64,
        _ pass: borrowing LinePass<some LineNames>
    ) {
        var line = OverlongLine(offset: offset)
        line.append(UnsafeRawBufferPointer(start: start, count: end - start))
        reject(line, originator: pass.originator, received: pass.typing.received, into: pass.chunk)
    }

    /// An overlong line that has ended.
    mutating func reject(_ line: OverlongLine, originator: UInt16, received: Timestamp, into chunk: ChunkBuilder) {
        let failure = LineFailure(
            reason: .lineTooLong, event: nil, column: options.maxLineBytes + 1,
            detail: RejectionDetail.tooLong(line.length, limit: options.maxLineBytes))
        line.kept.withUnsafeBytes { reject(failure, $0, isTruncated: true, line.offset, originator, received, chunk) }
    }

    @inline(never)
    private mutating func reject(
        _ failure: LineFailure, _ line: UnsafeRawBufferPointer, isTruncated: Bool, _ offset: UInt64,
        _ originator: UInt16, _ received: Timestamp, _ chunk: ChunkBuilder
    ) {
        chunk.appendRejection(
            failure.reason, event: failure.event, detail: failure.detail, line: line, isTruncated: isTruncated,
            originator: originator, received: received, offset: offset)
        guard options.reportsRejections else { return }
        rejections.append(
            Rejection(offset: offset, column: failure.column, reason: failure.reason, detail: failure.detail))
    }

    /// White space only. An empty line comes here after its failed scan.
    @inline(never)
    private func isBlank(_ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> Bool {
        UnsafeBufferPointer(start: start, count: end - start).allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0d }
    }
}

extension LineScanner {
    /// Whether the object's single key is `opslogd`.
    @inline(__always)
    var isControl: Bool {
        fieldCount == 1 && event == nil && fields[0].unescapedKey == Self.controlKey
    }

    private static let controlKey = Array("opslogd".utf8)
}
