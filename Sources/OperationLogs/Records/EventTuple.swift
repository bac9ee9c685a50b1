/// The payload of an event's record: a tuple of PostgreSQL's binary COPY, read back in place.
///
/// Every length has been checked against the bytes and the kind's columns. The bytes are not copied: a tuple is valid as
/// long as they are.
public struct EventTuple {
    public let kind: EventKind
    private let payload: UnsafeRawBufferPointer

    /// - Throws: if the payload is not a tuple of the kind's columns.
    public init(_ kind: EventKind, _ payload: UnsafeRawBufferPointer) throws(MalformedChunk) {
        self.kind = kind
        self.payload = payload
        let columns = kind.columns
        guard payload.count >= 2, payload.bigEndian(0, as: Int16.self) == Int16(columns.count) else {
            throw MalformedChunk("a tuple has not the columns of \(kind.name)")
        }
        var at = 2
        for column in columns {
            guard payload.count - at >= 4 else { throw MalformedChunk("a tuple ends before \(column.name)") }
            let length = Int(payload.bigEndian(at, as: Int32.self))
            at += 4
            guard length >= -1, length <= payload.count - at, length < 0 || Self.fits(column.form, length) else {
                throw MalformedChunk("\(column.name) of a tuple has an impossible length")
            }
            at += max(length, 0)
        }
        guard at == payload.count else { throw MalformedChunk("something stands behind the columns of a tuple") }
    }

    /// The event of a record; nil if the record is a rejected line or a retry note.
    public init?(_ record: RecordView) throws(MalformedChunk) {
        if record.kind == RecordLayout.rejectedLine || record.kind == RecordLayout.retryNote { return nil }
        guard let kind = EventKind(rawValue: record.kind) else { throw MalformedChunk("a record is of no known kind") }
        try self.init(kind, record.payload)
    }

    /// The bytes of a column, by its place in the kind's columns; nil for NULL.
    public func field(_ column: Int) -> UnsafeRawBufferPointer? {
        var at = 2
        for _ in 0..<column { at += 4 + max(0, Int(payload.bigEndian(at, as: Int32.self))) }
        let length = Int(payload.bigEndian(at, as: Int32.self))
        return length < 0 ? nil : payload.part(at + 4, length)
    }

    /// A column of text; nil for NULL.
    public func text(_ column: Int) -> String? { field(column).map { String(decoding: $0, as: UTF8.self) } }

    /// A column that holds a time; nil for NULL.
    public func timestamp(_ column: Int) -> Timestamp? {
        field(column).flatMap { $0.count == 8 ? Timestamp(microseconds: $0.bigEndian(0)) : nil }
    }

    private static func fits(_ form: Column.Form, _ length: Int) -> Bool {
        switch form {
        case .text, .literal: true
        case .timestamp: length == 8
        case .integer: length == 4
        case .json: length >= 1
        }
    }
}

/// A pipeline's watermark as an event carries it.
public struct WatermarkEvent: Sendable, Hashable {
    public var pipeline: String
    public var lastProcessed: Timestamp?
    public var status: String?
    public var updatedAt: Timestamp?

    public init(pipeline: String, lastProcessed: Timestamp?, status: String?, updatedAt: Timestamp?) {
        self.pipeline = pipeline
        self.lastProcessed = lastProcessed
        self.status = status
        self.updatedAt = updatedAt
    }

    /// Of an event of the kind `pipelineWatermarks`; nil for others.
    public init?(_ tuple: EventTuple) {
        guard tuple.kind == .pipelineWatermarks, let pipeline = tuple.text(0) else { return nil }
        self.init(
            pipeline: pipeline, lastProcessed: tuple.timestamp(1), status: tuple.text(2), updatedAt: tuple.timestamp(3))
    }
}
