/// A line that did not fit, or a row that the database refused, with its reason.
public struct DeadLetter: Sendable, Hashable {
    /// The record's sequence number.
    public var id: SequenceNumber
    /// When opslogd received the line.
    public var time: Timestamp
    public var reason: RejectionReason
    /// For people: what is wrong with it.
    public var detail: String
    /// Of `rejectedByDatabase`.
    public var sqlstate: String?
    public var event: EventKind?
    public var source: RecordOriginator
    /// Byte offset in a file; number of the line on a connection.
    public var offset: UInt64
    /// The line as it was received, or the refused event written again in the columns' own names.
    public var line: [UInt8]
    public var isTruncated: Bool

    public init(
        id: SequenceNumber, time: Timestamp, reason: RejectionReason, detail: String, sqlstate: String? = nil,
        event: EventKind?, source: RecordOriginator, offset: UInt64, line: [UInt8], isTruncated: Bool = false
    ) {
        self.id = id
        self.time = time
        self.reason = reason
        self.detail = detail
        self.sqlstate = sqlstate
        self.event = event
        self.source = source
        self.offset = offset
        self.line = line
        self.isTruncated = isTruncated
    }

    /// The object that `opslogd dead-letters show --json` prints, on one line without its end.
    public var json: String {
        var object = JSONObjectWriter()
        object.add("id", text: id.description)
        object.add("time", text: time.rfc3339)
        object.add("reason", text: reason.name)
        object.add("detail", text: detail)
        object.add("sqlstate", text: sqlstate)
        object.add("event", text: event?.name)
        var source = JSONObjectWriter()
        source.add("input", text: self.source.input)
        source.add("path", text: self.source.path)
        source.add("offset", raw: "\(offset)")
        source.add("uid", raw: self.source.uid.map { "\($0)" } ?? "null")
        source.add("pid", raw: self.source.pid.map { "\($0)" } ?? "null")
        object.add("source", raw: source.text)
        let text = String(validating: line, as: UTF8.self)
        object.add("line", text: text)
        object.add("line_base64", text: text == nil ? Base64.encode(line) : nil)
        object.add("truncated", raw: isTruncated ? "true" : "false")
        return object.text
    }
}
