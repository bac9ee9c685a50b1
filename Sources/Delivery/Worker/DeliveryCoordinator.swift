import Instruments
import LinuxSystem
import OperationLogs
import Synchronization

/// What the connections of one delivery share: the state machine, whose steps happen one at a time, and what it says and
/// tells the ledger, in the order of its steps.
package final class DeliveryCoordinator<Time: TimeSource>: Sendable {
    /// What one connection is to do next.
    struct Step {
        var action: DeliveryStateMachine.Action
        /// A batch of this connection's that has reached the database.
        var delivered: BatchSummary?
    }

    let ledger: any DeliveryLedger
    let deadLetters: any DeadLetterSink
    let options: DeliveryOptions
    let metrics: DeliveryMetrics
    let diagnostics: Diagnostics
    let time: Time
    package let orders: DeliveryOrders
    private let machine: Mutex<DeliveryStateMachine>
    private let wake: @Sendable (Int) -> Void

    /// - Parameters:
    ///   - seed: of the jitter.
    ///   - wake: ends the pause of a connection, or the next one, if it is parked; from any connection's thread.
    package init(
        ledger: any DeliveryLedger, deadLetters: any DeadLetterSink, options: DeliveryOptions, time: Time,
        metrics: DeliveryMetrics, diagnostics: Diagnostics, seed: UInt64, orders: DeliveryOrders = DeliveryOrders(),
        wake: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
        self.ledger = ledger
        self.deadLetters = deadLetters
        self.options = options
        self.metrics = metrics
        self.diagnostics = diagnostics
        self.time = time
        self.wake = wake
        self.orders = orders
        machine = Mutex(
            DeliveryStateMachine(
                run: ledger.run, runs: ledger.runs, known: ledger.lanes,
                floors: Dictionary(uniqueKeysWithValues: EventKind.allCases.map { ($0, ledger.floor(of: $0)) }),
                gaps: ledger.acceptedGaps, settled: ledger.settled, isDisputed: ledger.isDisputed,
                server: ledger.server, options: options, seed: seed))
    }

    package var status: DeliveryStatus {
        let now = time.monotonicNanoseconds() / 1_000_000
        let clock = Timestamp(unixMicroseconds: time.realtimeMicroseconds())
        return machine.withLock { $0.status(now: now, time: clock) }
    }

    /// Whether something is in the database that counts as delivered only with another commit, since the last one was
    /// answered with a warning that it is not replicated.
    package var isUnconfirmed: Bool { machine.withLock { $0.unreplicated != nil } }

    /// What is there goes at once from now on.
    func drain() { machine.withLock { $0.isDraining = true } }

    /// Takes a connection's event.
    func take(_ event: DeliveryStateMachine.Event, of connection: Int, durable: SequenceNumber) -> Step {
        let now = moment(durable)
        return step { machine in
            let action = machine.handle(event, of: connection, at: now)
            return Step(action: action, delivered: machine.takeDelivered(of: connection))
        }
    }

    /// Takes an order; nil: the next comparison decides, and `orders` is told.
    func take(_ order: DeliveryOrder) -> OrderOutcome? { step { $0.take(order) } }

    /// The comparison that an order waits for, if one does, has not come about.
    func giveUpOrder() { step { $0.giveUpOrder() } }

    /// Passes on what comes up within the lock: the ledger is told how the positions went on, not how they went back and
    /// forth.
    private func step<Result>(_ body: (inout DeliveryStateMachine) -> Result) -> Result {
        machine.withLock { machine in
            let result = body(&machine)
            for effect in machine.takeEffects() { pass(effect) }
            return result
        }
    }

    /// Whether the last comparison has found a gap.
    var hasFoundGap: Bool { machine.withLock { !$0.gap.found.isEmpty } }

    /// What the connection would gather next, if its batch commits.
    func turnAfterCommit(of connection: Int, durable: SequenceNumber) -> Turn? {
        let now = moment(durable)
        return machine.withLock { $0.turnAfterCommit(of: connection, at: now) }
    }

    func lane(_ kind: EventKind) -> LaneState { machine.withLock { $0[kind] } }

    private func moment(_ durable: SequenceNumber) -> DeliveryStateMachine.Moment {
        DeliveryStateMachine.Moment(milliseconds: time.monotonicNanoseconds() / 1_000_000, durable: durable)
    }

    private func pass(_ effect: DeliveryStateMachine.Effect) {
        switch effect {
        case .notice(let text): diagnostics.notice(text)
        case .warning(let text): diagnostics.warning(text)
        case .error(let text): diagnostics.error(text)
        case .attempt(let outcome): metrics.count(outcome)
        case .committed(let batch): metrics.count(batch)
        case .accepted(let rows): tellLedger(rows, isAccepted: true)
        case .ledger(let lanes, let settled):
            ledger.committed(lanes, settled: settled)
            // No lane looks at a record below its fate again, and settled is the lowest fate.
            deadLetters.forgetRefusals(upTo: settled)
        case .databaseUp(let isUp): metrics.setDatabaseUp(isUp)
        case .gapAccepted(let gaps): metrics.count(gaps)
        case .answered(let outcome): orders.answer(outcome)
        case .wake(let connection): wake(connection)
        }
    }

    /// Lines that were lost in the spool are read again, or not, by what the rows say. What cannot be kept of it now, the
    /// ledger tries again, and until then nothing is read again.
    func tellLedger(_ rows: [PositionRow], isAccepted: Bool) {
        let positions = rows.map {
            LanePosition(
                lane: $0.lane, position: $0.position, origin: RecordOrigin(run: $0.run, chain: $0.chain))
        }
        do {
            try ledger.compared(positions, isAccepted: isAccepted)
        } catch {
            diagnostics.error(
                "what was found out about damaged places of the spool cannot be kept: \(error); that is tried again")
        }
    }

    /// What was found out about the spool's history is made durable.
    func record(_ finding: DeliveryStateMachine.HistoryFinding) -> DeliveryStateMachine.Event {
        do {
            switch finding {
            case .rewind(let lanes, let settled):
                // Refusals that were let go of are met again.
                try deadLetters.recallRefusals(after: settled)
                try ledger.rewind(lanes, settled: settled)
            case .fork(let counted): try ledger.fork(counted: counted)
            case .gap(let gaps): try ledger.accept(gaps)
            case .dispute(let isDisputed): try ledger.dispute(isDisputed)
            case .server(let server): try ledger.note(server)
            }
            return .recorded
        } catch {
            return .recordFailed("what was found out about the spool's history cannot be kept: \(error)")
        }
    }
}
