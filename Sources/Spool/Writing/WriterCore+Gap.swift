import Glibc
import OperationLogs

extension WriterCore {
    /// Closes the last segment that is there, and makes the one from which the numbers go on: durable when this returns.
    ///
    /// - Throws: `.system(ENOSPC)` too where `max_bytes` leaves no room.
    mutating func pass(_ gap: SpoolGap, delivered: SequenceNumber, now: Timestamp) throws(SpoolError) {
        try sealSegment(now)
        nextSequence = gap.next
        shelf.map.update { state in
            state.durable = SequenceNumber(gap.next.rawValue - 1)
            guard let last = state.segments.indices.last else { return }
            // The next header names no seal before it: that one's number is not where it goes on.
            state.segments[last].sealOffset = nil
            state.segments[last].next = gap.next
        }
        guard let shortage = try makeSegment(holding: 0, delivered: delivered, now: now) else { return }
        throw SpoolError(
            .system(ENOSPC),
            "there is no room for the segment from which the spool goes on: \(shortage); nothing is taken or delivered "
                + "before; free space or raise max_bytes, and start opslogd again")
    }
}
