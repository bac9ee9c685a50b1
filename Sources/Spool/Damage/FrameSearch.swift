import LinuxSystem
import OperationLogs

/// Looks for the next frame behind a damaged place. A header verifies alone, at its place in this life of the segment,
/// so that nothing a producer wrote into its lines, and nothing stale or moved, is taken for one.
struct FrameSearch {
    let header: SegmentHeader
    /// Nothing at or behind it is looked at.
    let limit: UInt64

    private static var block: UInt64 { 1 << 20 }

    /// - Parameter least: numbers only grow: what is below them is no frame of what follows.
    /// - Returns: nil if there is none up to `limit` or the end of the file.
    func next<File: StorageFile>(
        in file: File, behind offset: UInt64, least: SequenceNumber
    ) throws(SpoolError) -> (offset: UInt64, frame: FrameHeader)? {
        var at = offset + UInt64(FrameHeader.alignment)
        guard at < limit else { return nil }
        let size = min(Self.block + UInt64(FrameHeader.length), limit - at)
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(size), alignment: 16)
        defer { room.deallocate() }
        while at < limit {
            // Overlapping by a header, so that one across two blocks is found.
            let wanted = UnsafeMutableRawBufferPointer(rebasing: room[..<Int(min(UInt64(room.count), limit - at))])
            let count = try spooling { () throws(SystemError) in try file.read(into: wanted, at: at) }
            let bytes = UnsafeRawBufferPointer(rebasing: wanted[..<count])
            if let found = first(in: bytes, at: at, least: least) { return found }
            guard count == wanted.count else { return nil }
            at += Self.block
        }
        return nil
    }

    private func first(
        in bytes: UnsafeRawBufferPointer, at: UInt64, least: SequenceNumber
    ) -> (offset: UInt64, frame: FrameHeader)? {
        var from = 0
        while let place = FrameHeader.firstPossible(in: bytes, from: from) {
            let offset = at + UInt64(place)
            if let frame = FrameHeader(bytes.part(place, FrameHeader.length), salt: header.salt, offset: offset),
                frame.firstSequence >= least, frame.fits(limit - offset)
            {
                return (offset, frame)
            }
            from = place + FrameHeader.alignment
        }
        return nil
    }
}

extension FrameHeader {
    /// Whether the frame ends within so many bytes.
    func fits(_ room: UInt64) -> Bool {
        payloadLength >= 0 && UInt64(payloadLength) <= room && frameLength <= room
    }
}
