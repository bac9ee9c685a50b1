import LinuxSystem
import Synchronization

/// A clock that stands still until it is moved.
package final class SimulatedTime: TimeSource {
    private let nanoseconds = Atomic<UInt64>(1_000_000_000_000)

    package init() {}

    package func advance(milliseconds: Int) { nanoseconds.add(UInt64(milliseconds) * 1_000_000, ordering: .relaxed) }
    package func monotonicNanoseconds() -> UInt64 { nanoseconds.load(ordering: .relaxed) }
    package func realtimeMicroseconds() -> Int64 { 1_700_000_000_000_000 + Int64(monotonicNanoseconds() / 1000) }
}
