import LinuxSystem
import OperationLogs

/// The segment that is being written.
struct ActiveSegment<File: StorageFile>: Sendable {
    let file: File
    let header: SegmentHeader
    /// Where the next frame goes.
    private(set) var end: UInt64
    private(set) var isStopSealed: Bool

    init(file: File, header: SegmentHeader, end: UInt64, isStopSealed: Bool) {
        self.file = file
        self.header = header
        self.end = end
        self.isStopSealed = isStopSealed
    }

    /// Bytes of payload for which there is room: a frame, and the seal behind it.
    var room: Int {
        let taken = end + UInt64(2 * FrameHeader.length)
        return taken < header.fileLength
            ? Int(header.fileLength - taken) / FrameHeader.alignment * FrameHeader.alignment : 0
    }

    /// Writes a frame and syncs it: durable when this returns.
    ///
    /// Behind it go the zeros of the next header, so that an end where nothing is under way looks like one.
    mutating func append(_ frame: FrameHeader, payload: [UnsafeRawBufferPointer]) throws(SystemError) {
        try write(frame, payload: payload)
        try synchronize(frame)
    }

    /// Writes a frame. A failure here leaves nothing behind that counts: the same place may be written again.
    func write(_ frame: FrameHeader, payload: [UnsafeRawBufferPointer]) throws(SystemError) {
        let fill = Int(frame.frameLength) - FrameHeader.length - frame.payloadLength
        let next = end + frame.frameLength + UInt64(FrameHeader.length) <= header.fileLength ? FrameHeader.length : 0
        let head = frame.bytes(salt: header.salt, offset: end)
        let zeros = [UInt8](repeating: 0, count: fill + next)
        try head.withRawBytes { head throws(SystemError) in
            try zeros.withRawBytes { zeros throws(SystemError) in
                try file.write([head] + payload + [zeros], at: end)
            }
        }
    }

    mutating func synchronize(_ frame: FrameHeader) throws(SystemError) {
        try file.synchronize()
        end += frame.frameLength
        isStopSealed = frame.kind == .seal
    }
}
