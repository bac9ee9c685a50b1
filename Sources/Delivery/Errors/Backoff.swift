/// Capped exponential back-off with full jitter: each wait is drawn evenly from 1 ms to a bound that doubles.
///
/// Full jitter keeps many daemons from coming back to a restarted server in step.
public struct Backoff: Sendable {
    private let initialMilliseconds: Int
    private let maxMilliseconds: Int
    /// Waits since the last success.
    public private(set) var attempts = 0

    public init(initialMilliseconds: Int, maxMilliseconds: Int) {
        self.initialMilliseconds = max(1, initialMilliseconds)
        self.maxMilliseconds = max(self.initialMilliseconds, maxMilliseconds)
    }

    /// The longest that the next wait can be.
    public var bound: Int {
        // Beyond 2^30 times the initial wait every bound is the largest.
        let doubled = initialMilliseconds.multipliedReportingOverflow(by: 1 << min(attempts, 30))
        return doubled.overflow ? maxMilliseconds : min(maxMilliseconds, doubled.partialValue)
    }

    /// The next wait, in milliseconds.
    public mutating func next(using generator: inout some RandomNumberGenerator) -> Int {
        let wait = Int.random(in: 1...bound, using: &generator)
        attempts += 1
        return wait
    }

    /// The next wait without jitter: for probes of what somebody has to mend.
    public mutating func nextBound() -> Int {
        defer { attempts += 1 }
        return bound
    }

    public mutating func reset() { attempts = 0 }
}
