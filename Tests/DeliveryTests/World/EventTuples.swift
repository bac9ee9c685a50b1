import OperationLogs

/// Builds the payloads of event records by hand, as the record format describes them.
enum EventTuples {
    /// An event of a kind other than watermarks, with `text` in its first text column that is required, or its first.
    static func event(_ kind: EventKind, _ text: String, padding: Int = 0) -> [UInt8] {
        var filled = false
        return tuple(
            kind.columns.enumerated().map { index, column in
                switch column.form {
                case .text, .literal:
                    if filled { return column.isRequired ? Array("x".utf8) : nil }
                    filled = true
                    return Array(text.utf8) + [UInt8](repeating: 0x2e, count: padding)
                case .timestamp: return index == kind.columns.count - 1 || column.isRequired ? bigEndian(Int64(7)) : nil
                case .integer, .json: return nil
                }
            })
    }

    static func watermark(_ pipeline: String, lastProcessed: Int64?, status: String?, updatedAt: Int64) -> [UInt8] {
        tuple([Array(pipeline.utf8), lastProcessed.map(bigEndian), status.map { Array($0.utf8) }, bigEndian(updatedAt)])
    }

    static func tuple(_ fields: [[UInt8]?]) -> [UInt8] {
        var bytes = bigEndian(Int16(fields.count))
        for field in fields {
            bytes += bigEndian(Int32(field?.count ?? -1))
            bytes += field ?? []
        }
        return bytes
    }

    /// Tuples that stand one behind the other.
    static func split(_ tuples: UnsafeRawBufferPointer) -> [[UInt8]] {
        var found: [[UInt8]] = []
        var at = 0
        while at < tuples.count {
            let start = at
            let columns = Int(tuples.bigEndian(at, as: Int16.self))
            at += 2
            for _ in 0..<columns { at += 4 + max(0, Int(tuples.bigEndian(at, as: Int32.self))) }
            found.append(Array(tuples[start..<at]))
        }
        return found
    }

    static func bigEndian<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian, Array.init)
    }

    static func littleEndian<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian, Array.init)
    }
}

/// A record to be spooled: a kind's number, or a rejected line's, and its payload.
struct TestRecord {
    var kind: UInt8
    var payload: [UInt8]
    var received: Int64 = 0

    static func event(_ kind: EventKind, _ text: String, padding: Int = 0, received: Int64 = 0) -> TestRecord {
        TestRecord(
            kind: kind.rawValue, payload: EventTuples.event(kind, text, padding: padding), received: received)
    }

    static let rejected = TestRecord(kind: RecordLayout.rejectedLine, payload: [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])

    /// A chunk of records, with one originator.
    static func chunk(_ records: [TestRecord]) -> [UInt8] {
        var body: [UInt8] = []
        var present: UInt32 = 0
        for (index, record) in records.enumerated() {
            present |= 1 << UInt32(record.kind == RecordLayout.rejectedLine ? 0 : min(record.kind, 31))
            body += EventTuples.littleEndian(UInt32(RecordLayout.recordHeader + record.payload.count))
            body += [record.kind, 0, 0, 0]
            body += EventTuples.littleEndian(record.received)
            body += EventTuples.littleEndian(UInt64(index * 100))
            body += record.payload
        }
        let originator: [UInt8] = [1, 2, 6, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] + Array("loader/x.log".utf8)
        var chunk: [UInt8] = []
        let length = RecordLayout.chunkHeader + body.count + originator.count
        for number in [length, records.count, body.count, originator.count, 0] {
            chunk += EventTuples.littleEndian(UInt32(number))
        }
        chunk += EventTuples.littleEndian(UInt16(1)) + [0, 0]
        chunk += EventTuples.littleEndian(present) + [0, 0, 0, 0]
        return chunk + body + originator
    }
}
