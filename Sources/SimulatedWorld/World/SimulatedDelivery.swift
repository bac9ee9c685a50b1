import Delivery
import Instruments
import OperationLogs
import Synchronization

/// Delivery's connections, of which one takes a step at a time: which, is drawn from the seed.
final class SimulatedDelivery {
    /// A connection, and what it waits for.
    private struct Line {
        let engine: DeliveryEngine<SimulatedSession, SimulatedTime>
        var pause: Pause?
    }

    private struct Pause {
        /// Monotonic nanoseconds.
        var until: UInt64
        /// New records end an idle one.
        var durable: SequenceNumber?
        var isParked = false
    }

    private let coordinator: DeliveryCoordinator<SimulatedTime>
    private var lines: [Line] = []
    private var random: SplitMix64
    private let time: SimulatedTime
    private let durable: () -> SequenceNumber
    private let woken: WokenConnections

    /// Those that another one's step has woken.
    private final class WokenConnections: Sendable {
        private let numbers = Mutex<Set<Int>>([])
        func insert(_ number: Int) { numbers.withLock { _ = $0.insert(number) } }
        func take(_ number: Int) -> Bool { numbers.withLock { $0.remove(number) != nil } }
        func contains(_ number: Int) -> Bool { numbers.withLock { $0.contains(number) } }
    }

    /// - Parameters:
    ///   - makeReader: of the spool, for each connection.
    ///   - durable: the last record that is.
    init(
        _ database: SimulatedDatabase, connections: Int, makeReader: () -> any RecordSource, ledger: any DeliveryLedger,
        deadLetters: any DeadLetterSink, time: SimulatedTime, registry: Registry, diagnostics: Diagnostics,
        seed: UInt64,
        durable: @escaping () -> SequenceNumber
    ) {
        let woken = WokenConnections()
        self.woken = woken
        self.time = time
        self.durable = durable
        random = SplitMix64(seed: ~seed)
        coordinator = DeliveryCoordinator(
            ledger: ledger, deadLetters: deadLetters,
            options: DeliveryOptions(batchEvents: 40, connections: connections, host: "simulated"), time: time,
            metrics: DeliveryMetrics(registry), diagnostics: diagnostics, seed: seed, wake: { woken.insert($0) })
        for number in 0..<connections {
            lines.append(
                Line(
                    engine: DeliveryEngine(
                        coordinator, connection: number, session: SimulatedSession(database), source: makeReader())))
        }
    }

    var state: String { coordinator.status.state }
    /// Whether something is in the database that counts as delivered only with another commit.
    var isUnconfirmed: Bool { coordinator.isUnconfirmed }

    /// What a restored database lacks and is not kept, as the status says it.
    var gap: [LaneGap] { coordinator.status.gap }

    /// The operator's word; delivery takes it at its next step.
    func accept(_ gaps: [LaneGap]) { coordinator.orders.give(.acceptGap(gaps)) { _ in } }
    /// What `opslogd drain` asks for.
    func compare() { coordinator.orders.give(.compare) { _ in } }

    /// Goes so many steps, unless all wait for something.
    func go(steps: Int) throws {
        var left = steps
        while left > 0 {
            let ready = lines.indices.filter(isReady)
            guard let first = ready.first else { return }
            if lines.count == 1 {
                left -= try go(first, steps: left)
            } else {
                let next = ready[Int(random.next() % UInt64(ready.count))]
                left -= try go(next, steps: min(left, 1 + Int(random.next() % 4)))
            }
        }
    }

    private func isReady(_ number: Int) -> Bool {
        guard let pause = lines[number].pause else { return true }
        if pause.isParked { return woken.contains(number) }
        // An idle one is woken as well, to compare.
        if pause.durable != nil, woken.contains(number) { return true }
        if number == 0, coordinator.orders.areWaiting { return true }
        return time.monotonicNanoseconds() >= pause.until || pause.durable.map { durable() > $0 } ?? false
    }

    /// - Returns: how many steps it went, at least one.
    private func go(_ number: Int, steps: Int) throws -> Int {
        if let pause = lines[number].pause {
            if pause.isParked || pause.durable != nil { _ = woken.take(number) }
            lines[number].pause = nil
            try lines[number].engine.resume()
        }
        var gone = 0
        let reached = try lines[number].engine.advance {
            gone += 1
            return gone > steps
        }
        switch reached {
        case .stopped: break
        case .wait(let milliseconds), .gathering(let milliseconds): rest(number, milliseconds)
        case .idle(let milliseconds):
            rest(number, milliseconds ?? 3_600_000)
            lines[number].pause?.durable = durable()
        case .parked: lines[number].pause = Pause(until: .max, isParked: true)
        }
        return gone
    }

    private func rest(_ number: Int, _ milliseconds: Int) {
        lines[number].pause = Pause(until: time.monotonicNanoseconds() + UInt64(milliseconds) * 1_000_000)
    }
}
