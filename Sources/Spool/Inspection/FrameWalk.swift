import LinuxSystem
import OperationLogs

/// Goes through one segment's frames by their headers alone. Owned by one thread.
final class FrameWalk<File: StorageFile> {
    private let window = FrameWindow<File>()
    private let file: File
    private let header: SegmentHeader
    private(set) var offset = UInt64(SegmentHeader.length)
    private(set) var expected: SequenceNumber
    /// The segment's own seal was passed.
    private(set) var isSealed = false

    init(_ file: File, _ header: SegmentHeader) {
        self.file = file
        self.header = header
        expected = header.firstSequence
        window.turn(to: file)
    }

    /// The next frame that verifies and follows; nil at the end.
    func next() throws(SpoolError) -> FrameHeader? {
        repeat {
            if let frame = try frameHere() { return frame }
        } while try passOver()
        return nil
    }

    /// Goes on at the next header behind this place; false if there is none.
    func passOver() throws(SpoolError) -> Bool {
        guard !isSealed,
            let found = try FrameSearch(header: header, limit: header.fileLength)
                .next(in: file, behind: offset, least: expected)
        else { return false }
        // A daemon at work may have written this frame meanwhile, and the one that was found behind it.
        window.turn(to: file)
        if let frame = try frameHere(), try payload(frame) != nil { return true }
        offset = found.offset
        expected = found.frame.firstSequence
        return true
    }

    private func frameHere() throws(SpoolError) -> FrameHeader? {
        guard !isSealed else { return nil }
        let head = try spooling { () throws(SystemError) in
            try window.bytes(at: offset, FrameHeader.length, limit: header.fileLength)
        }
        guard let frame = FrameHeader(head, salt: header.salt, offset: offset), frame.firstSequence == expected,
            frame.fits(header.fileLength - offset)
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
