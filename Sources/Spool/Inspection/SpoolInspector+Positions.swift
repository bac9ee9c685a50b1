import LinuxSystem
import OperationLogs

extension SpoolInspector {
    /// The positions of all sources, as the last group that verifies leaves them. Opaque to the spool.
    ///
    /// Beside a daemon at work it is those of a moment ago. Reads the last segment, and the one before where only that
    /// has them.
    /// - Throws: `.damaged` where no snapshot tells them, as a start does.
    public func positions() throws(SpoolError) -> [SnapshotEntry] {
        let firsts = try firsts()
        guard let last = firsts.last, let opened = try open(last) else { return [] }
        var scan = try SegmentScan(opened.file, opened.header)
        if !scan.hasSnapshot, let first = firsts.dropLast().last, let before = try open(first) {
            scan = try SegmentScan(opened.file, opened.header, before: SegmentScan(before.file, before.header))
        }
        return scan.positions.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map {
            SnapshotEntry(key: $0.key, value: $0.value)
        }
    }
}
