import OperationLogs

/// A watermark event read back from its COPY tuple, in place.
struct WatermarkTuple {
    let pipeline: UnsafeRawBufferPointer
    let lastProcessed: Timestamp?
    let status: UnsafeRawBufferPointer?
    let updatedAt: Timestamp
    /// Bytes of the whole tuple.
    let length: Int

    /// Reads the tuple at the start of `bytes`: pipeline_name, last_processed_ts, status, updated_at.
    init(_ bytes: UnsafeRawBufferPointer) throws(MalformedChunk) {
        guard bytes.count >= 2, bytes.bigEndian(0, as: Int16.self) == 4 else {
            throw MalformedChunk("a watermark has not four columns")
        }
        var at = 2
        guard let pipeline = try Self.field(bytes, &at) else { throw MalformedChunk("a watermark names no pipeline") }
        lastProcessed = try Self.timestamp(Self.field(bytes, &at))
        status = try Self.field(bytes, &at)
        guard let updatedAt = try Self.timestamp(Self.field(bytes, &at)) else {
            throw MalformedChunk("a watermark has no updated_at")
        }
        self.pipeline = pipeline
        self.updatedAt = updatedAt
        length = at
    }

    /// The event as a chain takes it.
    func step(_ sequence: UInt64) -> WatermarkChain<UnsafeRawBufferPointer>.Step {
        .init(sequence: sequence, updatedAt: updatedAt, lastProcessed: lastProcessed, status: status)
    }

    private static func field(
        _ bytes: UnsafeRawBufferPointer, _ at: inout Int
    ) throws(MalformedChunk) -> UnsafeRawBufferPointer? {
        guard at + 4 <= bytes.count else { throw MalformedChunk("a watermark's column is cut off") }
        let length = Int(bytes.bigEndian(at, as: Int32.self))
        at += 4
        if length == -1 { return nil }
        guard length >= 0, length <= bytes.count - at else {
            throw MalformedChunk("a watermark's column is longer than the watermark")
        }
        defer { at += length }
        return bytes.part(at, length)
    }

    private static func timestamp(_ field: UnsafeRawBufferPointer?) throws(MalformedChunk) -> Timestamp? {
        guard let field else { return nil }
        guard field.count == 8 else { throw MalformedChunk("a watermark's time has not eight bytes") }
        return Timestamp(microseconds: field.bigEndian(0))
    }
}
