import Instruments
import LinuxSystem
import OperationLogs

/// One connection of delivery: does what the state machine says, the session's calls, gathering, dead letters. Blocks only
/// in those; waits are the caller's.
package final class DeliveryEngine<Session: DatabaseSession & SendableMetatype, Time: TimeSource> {
    /// Why `advance` returned.
    package enum Pause: Hashable {
        /// Nothing can be done for that long.
        case wait(milliseconds: Int)
        /// Nothing is left to do, until more is durable, or that long.
        case idle(milliseconds: Int?)
        /// More rows may join the batch, for that long.
        case gathering(milliseconds: Int)
        /// Nothing can be done until another connection's step wakes this one.
        case parked
        /// `isStopped` said so.
        case stopped
    }

    let coordinator: DeliveryCoordinator<Time>
    /// From 0.
    let number: Int
    /// Whether it is the connection that compares.
    var isFirst: Bool { number == 0 }
    private let session: Session
    private let gatherer: BatchGatherer

    private(set) var action = DeliveryStateMachine.Action.wait(milliseconds: 0)
    /// The batch under way, and the one that is gathered meanwhile.
    private var batch = Batch()
    private var ahead = Batch()
    private var isAheadGathered = false
    private var superseded = 0
    private var said: [TableRemark] = []
    /// Monotonic milliseconds.
    private var comparedAt: UInt64?

    /// - Parameters:
    ///   - number: of the connection, from 0.
    ///   - source: read by this connection alone.
    package init(
        _ coordinator: DeliveryCoordinator<Time>, connection number: Int = 0, session: Session,
        source: any RecordSource
    ) {
        self.coordinator = coordinator
        self.number = number
        self.session = session
        gatherer = BatchGatherer(source: source, deadLetters: coordinator.deadLetters)
        take(.started)
    }

    /// Goes on until there is something to wait for.
    /// - Parameter isStopped: asked before each step.
    /// - Throws: what the spool throws, and `DeadLettersUnusable`; the database's errors are the state machine's.
    package func advance(isStopped: () -> Bool) throws -> Pause {
        while true {
            if isStopped() { return .stopped }
            takeOrders()
            let event: DeliveryStateMachine.Event
            switch action {
            case .wait(let milliseconds): return .wait(milliseconds: milliseconds)
            case .idle(let milliseconds): return .idle(milliseconds: milliseconds)
            case .park: return .parked
            case .gatherMore(let milliseconds): return .gathering(milliseconds: milliseconds)
            case .connect: event = connect()
            case .execute(let statement): event = try execute(statement)
            case .gather(let turn): event = try gather(turn)
            case .explain(let lane): event = explain(lane)
            case .refuse(let lane, let sequence, let error): event = try refuse(lane, sequence, error)
            case .record(let finding): event = coordinator.record(finding)
            }
            take(event)
        }
    }

    /// The pause is over.
    package func resume() throws {
        takeOrders()
        switch action {
        case .gatherMore:
            try gatherer.fill(batch)
            take(.gathered(batch.summary))
        case .wait, .idle, .park: take(.woke)
        // An order has ended the pause.
        default: break
        }
    }

    func take(_ event: DeliveryStateMachine.Event) {
        let step = coordinator.take(event, of: number, durable: gatherer.durable)
        action = step.action
        guard let delivered = step.delivered else { return }
        let metrics = coordinator.metrics
        metrics.count(superseded: superseded)
        superseded = 0
        // A COMMIT whose answer was lost may have been another batch's rows by now.
        if batch.summary == delivered {
            metrics.observe(
                batch.receipts, now: Timestamp(unixMicroseconds: coordinator.time.realtimeMicroseconds()))
        }
    }

    // MARK: Steps

    private func connect() -> DeliveryStateMachine.Event {
        session.disconnect()
        do {
            let server = try session.connect()
            try sayWhatDiffers()
            return .connected(server)
        } catch {
            return .failed(error)
        }
    }

    /// What differs in the tables, when it was not said before; once a minute where connections break time and again. That
    /// tables cannot be compared is no failure: it shows when rows come.
    private func sayWhatDiffers() throws(DatabaseFailure) {
        let now = coordinator.time.monotonicNanoseconds() / 1_000_000
        if let comparedAt, now < comparedAt + 60_000 { return }
        do {
            let remarks = try session.compareTables()
            // The others meet the same tables.
            for remark in remarks where isFirst && !said.contains(remark) {
                if remark.isObstacle {
                    coordinator.diagnostics.warning("rows will wait: \(remark.sentence)")
                } else {
                    coordinator.diagnostics.notice(remark.sentence)
                }
            }
            said = remarks
            comparedAt = now
        } catch {
            guard case .server = error else { throw error }
        }
    }

    private func gather(_ turn: Turn) throws -> DeliveryStateMachine.Event {
        if isAheadGathered, ahead.turn == turn {
            swap(&batch, &ahead)
        } else {
            batch.begin(turn)
        }
        isAheadGathered = false
        superseded = 0
        // A batch that was gathered ahead may go on with what has become durable since.
        try gatherer.fill(batch)
        return .gathered(batch.summary)
    }

    private func execute(_ statement: DeliveryStateMachine.Statement) throws -> DeliveryStateMachine.Event {
        let ledger = coordinator.ledger
        do {
            switch statement {
            case .begin: try session.begin()
            case .fence:
                return .fenced(try compare(session.lockPositions(spool: ledger.spool, lanes: EventKind.allCases)))
            case .lock(let lanes): return .locked(try session.lockPositions(spool: ledger.spool, lanes: lanes))
            case .insert(let lanes):
                try session.insertPositions(
                    spool: ledger.spool, lanes: lanes, host: coordinator.options.host, owner: ledger.run)
            case .own(let lanes):
                return .changed(try session.takeOwnership(spool: ledger.spool, lanes: lanes, owner: ledger.run))
            case .copy(let kind):
                let following = batch.summary.copied.drop { $0 != kind }.dropFirst()
                try session.copy(
                    kind, tuples: batch.tuples(kind), rows: batch.rows(kind), following: Array(following))
            case .upsert: try upsert()
            case .move(let moves):
                return .changed(try session.move(spool: ledger.spool, owner: ledger.run, moves))
            case .sendCommit: try session.sendCommit()
            case .awaitCommit:
                try gatherAhead()
                return .committed(try session.awaitCommit())
            case .rollback: try session.rollback()
            }
            return .done
        } catch let failure as DatabaseFailure {
            return .failed(failure)
        }
    }

    private func compare(_ rows: [PositionRow]) throws -> [FencedRow] {
        isAheadGathered = false
        coordinator.tellLedger(rows, isAccepted: false)
        return try rows.map { row in
            var found = FencedRow(
                row: row, ownOrigin: row.position == .zero ? nil : try gatherer.origin(of: row.position))
            let lane = coordinator.lane(row.lane)
            if found.ownOrigin == nil, row.position < lane.position {
                found.firstKept = try gatherer.firstKept(after: lane.passed(from: row.position))
            }
            found.isLost = found.ownOrigin == nil && gatherer.isLost(row.position)
            return found
        }
    }

    /// While the server commits, what comes next is gathered.
    private func gatherAhead() throws {
        guard let turn = coordinator.turnAfterCommit(of: number, durable: gatherer.durable) else { return }
        ahead.begin(turn)
        try gatherer.fill(ahead)
        isAheadGathered = true
    }

    private func upsert() throws {
        let kind = EventKind.pipelineWatermarks
        let merge = try WatermarkMerge(tuples: batch.tuples(kind), sequences: batch.watermarkSequences)
        superseded = merge.superseded
        for round in merge.rounds { try session.upsert(round) }
    }

    private func explain(_ lane: EventKind) -> DeliveryStateMachine.Event {
        do {
            return .explained(try session.obstacle(of: lane))
        } catch {
            return .failed(error)
        }
    }

    private func refuse(
        _ lane: EventKind, _ sequence: SequenceNumber, _ error: ServerError
    ) throws -> DeliveryStateMachine.Event {
        let letter = try gatherer.withRecord(sequence) { record, chunk in
            try RefusedRow.deadLetter(record, in: chunk, error)
        }
        guard let letter else {
            // Damaged since it was gathered, and named as lost: the next batch passes it over.
            if gatherer.isLost(sequence) {
                isAheadGathered = false
                return .refusalKept
            }
            throw SpoolGap(expected: sequence, found: sequence.advanced(by: 1))
        }
        isAheadGathered = false
        do {
            try coordinator.deadLetters.append([letter])
        } catch let error as any DeadLettersUnusable {
            throw error
        } catch {
            return .refusalFailed("\(error)")
        }
        // Else the row would be sent, and refused, without end.
        guard coordinator.deadLetters.holdsRefusal(of: sequence) else {
            return .refusalFailed("the store does not hold record \(sequence) after it was appended")
        }
        coordinator.diagnostics.warning(
            "the database refused record \(sequence) of \(lane.name), which is a dead letter now: "
                + "SQLSTATE \(error.sqlstate)")
        return .refusalKept
    }
}
