import Synchronization

/// A number that only grows. Adding is one relaxed atomic instruction: add once per chunk, never per line.
public final class Counter: Sendable {
    private let count = Atomic<UInt64>(0)

    public init() {}

    public var value: UInt64 { count.load(ordering: .relaxed) }

    public func add(_ amount: Int = 1) {
        if amount > 0 { count.add(UInt64(amount), ordering: .relaxed) }
    }
}

/// A number that is set to what it is now.
public final class Gauge: Sendable {
    private let bits = Atomic<UInt64>(0)

    public init() {}

    public var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

    public func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }
    public func set(_ value: Int) { set(Double(value)) }
}
