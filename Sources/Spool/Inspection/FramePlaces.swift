import LinuxSystem
import OperationLogs

/// Where a frame stands, for whoever damages it on purpose.
package struct FramePlace: Sendable, Hashable {
    /// The file's name within `segments/`.
    package var segment: String
    package var offset: UInt64
    package var length: UInt64
    /// Without what fills it up to the next: of that nothing is checked, and nothing is read.
    package var usedLength: UInt64
    /// Of a frame without records, `next` is `first`.
    package var first: SequenceNumber
    package var next: SequenceNumber

    package var holdsRecords: Bool { next > first }
    package var end: UInt64 { offset + length }
}

extension SpoolInspector {
    /// Every frame that verifies by its header, oldest first.
    package func framePlaces() throws -> [FramePlace] {
        var places: [FramePlace] = []
        for first in try firsts() {
            guard let opened = try open(first) else { continue }
            let walk = FrameWalk(opened.file, opened.header)
            while let frame = try walk.next() {
                places.append(
                    FramePlace(
                        segment: SegmentName.of(first), offset: walk.offset, length: frame.frameLength,
                        usedLength: UInt64(FrameHeader.length + frame.payloadLength), first: frame.firstSequence,
                        next: frame.nextSequence))
                walk.pass(frame)
            }
        }
        return places
    }
}
