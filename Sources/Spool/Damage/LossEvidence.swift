import Glibc
import LinuxSystem
import OperationLogs

/// Finds out which positions moved across a lost range, from what stands around it: what came before it in its segment,
/// or in the one before, and the first groups or the next snapshot behind it.
struct LossEvidence<Disk: Storage> {
    let segments: Disk
    /// Oldest first.
    let entries: [SegmentEntry]

    /// Reads the segments concerned.
    ///
    /// - Returns: the positions across the range; and the sources of which none stands behind it. Nothing where that
    ///   cannot be told.
    func gaps(of range: LostRange) throws(SpoolError) -> (known: [PositionGap], doubtful: [PositionGap]) {
        do {
            guard let around = try around(range) else { return ([], []) }
            var gaps = around.gaps
            let own = SegmentName.firstSequence(range.segment) ?? range.first
            if let next = entries.first(where: { $0.first > own && $0.first >= range.next }) {
                if let positions = try snapshot(next) { gaps.take(snapshot: positions) }
            }
            let doubtful = gaps.doubtful(around.index).map { PositionGap(key: $0.key, before: $0.before, after: nil) }
            return (gaps.found.filter { $0.loss == around.index }.map(\.gap), doubtful)
        } catch  where error.code == .damaged || error.code == .system(ENOENT) {
            // What stands around it cannot be read either, or has gone meanwhile: then nobody can tell.
            return ([], [])
        }
    }

    /// The gaps up to the end of the segment, and which of its losses the range is.
    private func around(_ range: LostRange) throws(SpoolError) -> (gaps: PositionGaps, index: Int)? {
        guard let own = entries.firstIndex(where: { $0.name == range.segment }) else {
            guard let before = entries.last(where: { $0.first < range.first }) else { return nil }
            return behind(try scan(before, before: nil), range)
        }
        var found = try scan(entries[own], before: nil)
        if !found.hasSnapshot, own > 0 { found = try scan(entries[own], before: scan(entries[own - 1], before: nil)) }
        if let index = found.losses.firstIndex(where: { $0.offset == range.offset }) { return (found.gaps, index) }
        return behind(found, range)
    }

    /// The range is what follows all that verifies.
    private func behind(_ scan: SegmentScan, _ range: LostRange) -> (gaps: PositionGaps, index: Int) {
        var gaps = scan.gaps
        gaps.lost(scan.losses.count, hasRecords: range.recordCount > 0, scan.positions)
        return (gaps, scan.losses.count)
    }

    private func scan(_ entry: SegmentEntry, before: SegmentScan?) throws(SpoolError) -> SegmentScan {
        let file = try spooling { () throws(SystemError) in try segments.open(entry.name, .reading) }
        return try SegmentScan(file, entry.header, before: before)
    }

    /// The positions at the head of a segment; nil if they do not verify.
    private func snapshot(_ entry: SegmentEntry) throws(SpoolError) -> [[UInt8]: [UInt8]]? {
        let file = try spooling { () throws(SystemError) in try segments.open(entry.name, .reading) }
        let walk = FrameWalk(file, entry.header)
        guard let frame = try walk.next(), frame.kind == .snapshot, walk.offset == UInt64(SegmentHeader.length),
            let payload = try walk.payload(frame), let read = Snapshot.read(payload)
        else { return nil }
        return Dictionary(read.positions.map { ($0.key, $0.value) }) { _, new in new }
    }
}
