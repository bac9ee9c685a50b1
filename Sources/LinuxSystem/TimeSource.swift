import Glibc

/// The clocks that the stages read; a seam, so that simulated time can stand in.
public protocol TimeSource: Sendable {
    /// Microseconds since 1970-01-01T00:00:00Z, by CLOCK_REALTIME: may jump either way.
    func realtimeMicroseconds() -> Int64
    /// Nanoseconds since some start, by CLOCK_MONOTONIC: never goes back.
    func monotonicNanoseconds() -> UInt64
}

/// The machine's own clocks. Related system calls: `clock_gettime`.
public struct SystemTime: TimeSource {
    public init() {}

    public func realtimeMicroseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }

    public func monotonicNanoseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
