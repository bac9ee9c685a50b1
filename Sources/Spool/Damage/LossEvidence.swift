import Glibc
import LinuxSystem
import OperationLogs

/// Finds out which positions moved across a lost range, from what stands around it: what came before it in its segment,
/// or in the one before, and the first groups or the next snapshot behind it.
struct LossEvidence<Disk: Storage> {
    let segments: Disk
    /// Oldest first.
    let entries: [SegmentEntry]

    struct Findings {
        /// Across the range.
        var known: [PositionGap] = []
        /// Across the range and others before it in the segment.
        var earlier: [PositionGap] = []
        /// Of sources of which no position stands behind the range.
        var doubtful: [PositionGap] = []
        /// Not so where something else is lost between the range and what tells the positions before it: lines of that
        /// may be among those that seem to have stood here.
        var isCertain = true
        /// Behind the last loss that is followed by nothing which tells all positions: what seems to have moved across the
        /// range may have moved there.
        var end: SequenceNumber?
    }

    private struct Surroundings {
        var gaps: PositionGaps
        /// Which of their losses the range is.
        var index: Int
        var isCertain: Bool
        var end: SequenceNumber?
    }

    /// Reads the segments concerned.
    ///
    /// - Returns: nothing where it cannot be told.
    func findings(of range: LostRange) throws(SpoolError) -> Findings {
        do {
            guard let around = try around(range) else { return Findings() }
            var gaps = around.gaps
            let own = SegmentName.firstSequence(range.segment) ?? range.first
            if let next = entries.first(where: { $0.first > own && $0.first >= range.next }) {
                if let positions = try snapshot(next) { gaps.take(snapshot: positions) }
            }
            return Findings(
                known: gaps.found.filter { $0.loss == around.index }.map(\.gap),
                earlier: gaps.found.filter { $0.loss < around.index }.map(\.gap),
                doubtful: gaps.doubtful(upTo: around.index).map {
                    PositionGap(key: $0.key, before: $0.before, after: nil)
                },
                isCertain: around.isCertain, end: around.end)
        } catch  where error.code == .damaged || error.code == .system(ENOENT) {
            // What stands around it cannot be read either, or has gone meanwhile: then nobody can tell.
            return Findings()
        }
    }

    /// nil where nothing tells the positions before the range.
    private func around(_ range: LostRange) throws(SpoolError) -> Surroundings? {
        guard let own = entries.firstIndex(where: { $0.name == range.segment }) else {
            guard let before = entries.last(where: { $0.first < range.first }) else { return nil }
            let found = try scan(before, before: nil)
            let isCertain = found.tail.endsWithOwnSeal && found.nextSequence == range.first
            return tellsAll(found) ? behind(found, range, isCertain: isCertain) : nil
        }
        var found = try scan(entries[own], before: nil)
        var isCertain = true
        if !found.hasSnapshot {
            if own > 0 {
                let before = try scan(entries[own - 1], before: nil)
                guard tellsAll(before) else { return nil }
                found = try scan(entries[own], before: before)
                isCertain =
                    before.losses.isEmpty && before.tail.endsWithOwnSeal && before.nextSequence == entries[own].first
            } else if !tellsAll(found) {
                return nil
            }
        }
        if let index = found.losses.firstIndex(where: { $0.offset == range.offset }) {
            return Surroundings(gaps: found.gaps, index: index, isCertain: isCertain, end: found.losses.last?.next)
        }
        return behind(found, range, isCertain: isCertain)
    }

    /// Whether all positions are known of before its losses: there are none before the first record.
    private func tellsAll(_ scan: SegmentScan) -> Bool {
        scan.hasSnapshot || scan.header.firstSequence == SequenceNumber(1)
    }

    /// The range is what follows all that verifies.
    private func behind(_ scan: SegmentScan, _ range: LostRange, isCertain: Bool) -> Surroundings {
        var gaps = scan.gaps
        gaps.lost(scan.losses.count, hasRecords: range.recordCount > 0, scan.positions)
        return Surroundings(gaps: gaps, index: scan.losses.count, isCertain: isCertain)
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
