/// How large the spool may be, and when it syncs.
public struct SpoolOptions: Sendable, Hashable {
    public enum Sync: Sendable, Hashable {
        /// What is queued goes at once; what arrives meanwhile is the next group.
        case group
        /// Lines are gathered that long into one group.
        case interval(milliseconds: Int)
    }

    /// All files of segments together.
    public var maxBytes: UInt64
    public var segmentBytes: UInt64
    /// Left free on the file system: below it no segment is made. What others write may still use it up.
    public var minFreeBytes: UInt64
    public var sync: Sync
    /// Delivered segments are kept up to so many bytes …
    public var keepDeliveredBytes: UInt64
    /// … and while they are younger than this, as far as `maxBytes` and `minFreeBytes` allow.
    public var keepDeliveredAgeSeconds: Int

    public init(
        maxBytes: UInt64 = 10 << 30, segmentBytes: UInt64 = 64 << 20, minFreeBytes: UInt64 = 1 << 30,
        sync: Sync = .group, keepDeliveredBytes: UInt64 = 1 << 30, keepDeliveredAgeSeconds: Int = 0
    ) {
        self.maxBytes = maxBytes
        self.segmentBytes = segmentBytes
        self.minFreeBytes = minFreeBytes
        self.sync = sync
        self.keepDeliveredBytes = keepDeliveredBytes
        self.keepDeliveredAgeSeconds = keepDeliveredAgeSeconds
    }

    /// Simulated disks work with less, so that many more histories can be tried.
    package var smallestSegmentBytes: UInt64 = 4 << 20

    func validated() throws(SpoolError) -> SpoolOptions {
        guard segmentBytes >= smallestSegmentBytes else {
            throw SpoolError(.options, "segment_bytes is \(segmentBytes); it must be at least 4MiB")
        }
        guard segmentBytes <= 1 << 40, maxBytes / 2 >= segmentBytes else {
            throw SpoolError(
                .options, "max_bytes is \(maxBytes); it must be at least twice segment_bytes (\(segmentBytes))")
        }
        if case .interval(let milliseconds) = sync, !(1...60_000).contains(milliseconds) {
            throw SpoolError(.options, "sync interval is \(milliseconds) ms; it must be from 1ms to 60s")
        }
        var options = self
        options.segmentBytes -= segmentBytes % 4096
        return options
    }
}
