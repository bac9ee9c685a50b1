/// The payload of a rejected line's record, read back in place.
public struct RejectedLine {
    public let reason: RejectionReason
    /// If the line got as far as naming one.
    public let event: EventKind?
    public let isTruncated: Bool
    public let detail: String
    /// Without its end; the first 64 KiB of an overlong one.
    public let line: UnsafeRawBufferPointer

    public init(_ payload: UnsafeRawBufferPointer) throws(MalformedChunk) {
        guard payload.count >= RecordLayout.rejectionHeader, let reason = RejectionReason(rawValue: payload[0]) else {
            throw MalformedChunk("a rejected line has no reason")
        }
        let detailLength = Int(payload.littleEndian(4, as: UInt32.self))
        let lineLength = Int(payload.littleEndian(8, as: UInt32.self))
        guard RecordLayout.rejectionHeader + detailLength + lineLength == payload.count else {
            throw MalformedChunk("a rejected line's lengths do not add up")
        }
        self.reason = reason
        event = EventKind(rawValue: payload[1])
        isTruncated = payload[2] & 1 != 0
        detail = String(decoding: payload.part(RecordLayout.rejectionHeader, detailLength), as: UTF8.self)
        line = payload.part(RecordLayout.rejectionHeader + detailLength, lineLength)
    }
}
