import Synchronization

/// How often a measured value fell under each of a fixed row of bounds, and their sum.
public final class Histogram: Sendable {
    private struct State {
        var counts: [UInt64]
        var sum = 0.0
    }

    /// The upper bounds of the buckets, ascending; the last bucket, +Inf, is not named.
    public let bounds: [Double]
    private let state: Mutex<State>

    public init(bounds: [Double]) {
        self.bounds = bounds
        state = Mutex(State(counts: Array(repeating: 0, count: bounds.count + 1)))
    }

    /// From 100 µs to 10 s, for the duration of a sync.
    public static let syncBounds = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 10]
    /// From 1 ms to a day, for the time from receipt to commit.
    public static let lagBounds = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30, 60, 300, 3600, 86400]

    /// Counts `value` as seen `times` times.
    public func observe(_ value: Double, times: Int = 1) {
        let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
        state.withLock {
            $0.counts[bucket] += UInt64(times)
            $0.sum += value * Double(times)
        }
    }

    public struct Reading: Sendable {
        /// One a bucket, not cumulative; the last is +Inf.
        public let counts: [UInt64]
        public let sum: Double
    }

    public var reading: Reading {
        state.withLock { Reading(counts: $0.counts, sum: $0.sum) }
    }
}
