import LinuxSystem
import OperationLogs

/// Goes through one segment's frames by their headers alone. Owned by one thread.
final class FrameWalk<File: StorageFile> {
    private let window = FrameWindow<File>()
    private let header: SegmentHeader
    private(set) var offset = UInt64(SegmentHeader.length)
    private(set) var expected: SequenceNumber
    /// The segment's own seal was passed.
    private(set) var isSealed = false

    init(_ file: File, _ header: SegmentHeader) {
        self.header = header
        expected = header.firstSequence
        window.turn(to: file)
    }

    /// The next frame; nil at the end, or where a header does not verify or follow.
    func next() throws(SpoolError) -> FrameHeader? {
        guard !isSealed else { return nil }
        let head = try spooling { () throws(SystemError) in
            try window.bytes(at: offset, FrameHeader.length, limit: header.fileLength)
        }
        guard let frame = FrameHeader(head, salt: header.salt, offset: offset), frame.firstSequence == expected,
            frame.frameLength <= header.fileLength - offset
        else { return nil }
        return frame
    }

    /// The payload of the frame that `next` gave; nil if it does not verify.
    func payload(_ frame: FrameHeader) throws(SpoolError) -> UnsafeRawBufferPointer? {
        let length = FrameHeader.length + frame.payloadLength
        let whole = try spooling { () throws(SystemError) in
            try window.bytes(at: offset, length, limit: header.fileLength)
        }
        guard whole.count == length else { return nil }
        let payload = whole.part(FrameHeader.length, frame.payloadLength)
        return CRC32C.of(payload) == frame.payloadChecksum ? payload : nil
    }

    func pass(_ frame: FrameHeader) {
        offset += frame.frameLength
        expected = frame.nextSequence
        isSealed = frame.kind == .seal && frame.endsSegment
    }
}
