import OperationLogs
import Synchronization

/// What the writer publishes and readers see: the segments, and up to where the last one is durable.
final class SpoolMap: Sendable {
    struct State: Sendable {
        /// Oldest first; the last is the one being written, or was.
        var segments: [SegmentEntry]
        /// Behind the last durable frame of the last segment.
        var durableEnd: UInt64
        var durable: SequenceNumber
    }

    private let state: Mutex<State>
    private let durableNumber: Atomic<UInt64>

    init(_ initial: State) {
        state = Mutex(initial)
        durableNumber = Atomic(initial.durable.rawValue)
    }

    var durable: SequenceNumber { SequenceNumber(durableNumber.load(ordering: .acquiring)) }
    var snapshot: State { state.withLock { $0 } }

    func update(_ change: (inout State) -> Void) {
        state.withLock { state in
            change(&state)
            durableNumber.store(state.durable.rawValue, ordering: .releasing)
        }
    }

    /// The segment that holds `sequence`, or the first behind it, or the last.
    func segment(holding sequence: SequenceNumber) -> SegmentEntry? {
        state.withLock { $0.segments.last { $0.first <= sequence } ?? $0.segments.first }
    }

    /// The segment behind that one.
    func segment(after first: SequenceNumber) -> SegmentEntry? {
        state.withLock { $0.segments.first { $0.first > first } }
    }

    func holds(_ entry: SegmentEntry) -> Bool {
        state.withLock { $0.segments.contains { $0.header.salt == entry.header.salt } }
    }

    /// Up to where a segment may be read.
    func readableEnd(of first: SequenceNumber) -> UInt64 {
        state.withLock { state in
            guard let index = state.segments.firstIndex(where: { $0.first == first }) else { return 0 }
            let segment = state.segments[index]
            return index == state.segments.count - 1 ? state.durableEnd : segment.bytes
        }
    }
}
