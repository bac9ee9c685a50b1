import Instruments
import OperationLogs
import Synchronization

/// How much of the space each input has used, and which have to wait for that.
final class DeadLetterShares: Sendable {
    /// One input's.
    final class Share: IntakeGate {
        fileprivate let bytes = Atomic<UInt64>(0)
        /// Of rejected lines that are handed to the spool, and not in the store yet: about as much as they will take.
        private let onTheirWay = Atomic<Int>(0)
        fileprivate let limit = Atomic<UInt64>(.max)
        /// As it was said last.
        fileprivate let isSaidToBeClosed = Atomic<Bool>(false)
        private let wakes = Mutex<[@Sendable () -> Void]>([])

        /// Whether what is in the store has used it up. What is on its way does not count: where the spool is full, it may be on
        /// its way until a refused row has been kept.
        var isUsedUp: Bool { bytes.load(ordering: .relaxed) >= limit.load(ordering: .relaxed) }

        var isClosed: Bool {
            let coming = UInt64(max(0, onTheirWay.load(ordering: .relaxed)))
            return bytes.load(ordering: .relaxed) &+ coming >= limit.load(ordering: .relaxed)
        }

        /// What stands around the line in the store.
        private static let around = 300

        func rejected(lines: Int, bytes: Int) {
            onTheirWay.add(bytes + lines * Self.around, ordering: .relaxed)
        }

        /// Some of them are in the store; those of an earlier run were never counted.
        fileprivate func arrived(lines: Int, bytes: Int) {
            let left = onTheirWay.subtract(bytes + lines * Self.around, ordering: .relaxed).newValue
            if left < 0 { onTheirWay.add(-left, ordering: .relaxed) }
        }
        func onOpen(_ wake: @escaping @Sendable () -> Void) { wakes.withLock { $0.append(wake) } }

        fileprivate func open() { for wake in wakes.withLock({ $0 }) { wake() } }
    }

    /// By the inputs' names as they stand in JSON.
    private let shares: [String: Share]
    private let maxBytes: UInt64
    private let others = Atomic<UInt64>(0)
    private let diagnostics: Diagnostics

    init(_ limits: DeadLetterLimits, _ diagnostics: Diagnostics) {
        self.diagnostics = diagnostics
        maxBytes = limits.whenFull == .wait ? limits.maxBytes : .max
        shares = Dictionary(
            limits.inputs.map { (LetterFacts.key($0), Share()) }, uniquingKeysWith: { first, _ in first })
    }

    func share(of input: String) -> Share? { shares[LetterFacts.key(input)] }

    var areAllOpen: Bool { shares.values.allSatisfy { !$0.isClosed } }

    /// - Parameter payload: of the record that a rejected line was; nil for a refused row.
    func add(_ bytes: UInt64, to input: String, payload: Int?) {
        if let share = shares[input] {
            if let payload { share.arrived(lines: 1, bytes: payload) }
            share.bytes.add(bytes, ordering: .relaxed)
            say(share, input)
        } else {
            others.add(bytes, ordering: .relaxed)
            setLimits()
        }
    }

    /// Begins anew with what stands in the files.
    func set(_ bytesByInput: [String: UInt64]) {
        let closed = shares.values.filter(\.isClosed)
        others.store(
            bytesByInput.filter { shares[$0.key] == nil }.values.reduce(0, +), ordering: .relaxed)
        for (input, share) in shares { share.bytes.store(bytesByInput[input] ?? 0, ordering: .relaxed) }
        setLimits()
        for share in closed where !share.isClosed { share.open() }
        for (input, share) in shares.sorted(by: { $0.key < $1.key }) { say(share, input) }
    }

    /// Once each time.
    private func say(_ share: Share, _ input: String) {
        let isClosed = share.isClosed
        guard share.isSaidToBeClosed.exchange(isClosed, ordering: .relaxed) != isClosed else { return }
        if isClosed {
            diagnostics.warning(
                "the input \(input) takes no more lines: its share of dead_letters.max_bytes, "
                    + "\(share.limit.load(ordering: .relaxed)) bytes, is used up; retry or discard some of its dead letters"
            )
        } else {
            diagnostics.notice("the input \(input) takes lines again: there is room for its dead letters")
        }
    }

    /// What inputs that are gone have left is nobody's share.
    private func setLimits() {
        guard maxBytes < .max, !shares.isEmpty else { return }
        let left = maxBytes - min(maxBytes, others.load(ordering: .relaxed))
        for share in shares.values { share.limit.store(left / UInt64(shares.count), ordering: .relaxed) }
    }
}
