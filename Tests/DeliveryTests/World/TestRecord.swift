import OperationLogs
import SimulatedWorld

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
