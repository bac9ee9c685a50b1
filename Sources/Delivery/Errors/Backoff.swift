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

/// SplitMix64 (Steele, Lea, Flood 2014): small, and the same from the same seed.
public struct SplitMix64: RandomNumberGenerator, Sendable {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
