import Instruments
import LinuxSystem
import OperationLogs

/// Does what the state machine says: the session's calls, gathering, dead letters, the ledger. Blocks only in those;
/// waits are the caller's.
package final class DeliveryEngine<Session: DatabaseSession & SendableMetatype, Time: TimeSource> {
    /// Why `advance` returned.
    package enum Pause: Hashable {
        /// Nothing can be done for that long.
        case wait(milliseconds: Int)
        /// Nothing is left to do, until more is durable, or that long.
        case idle(milliseconds: Int?)
        /// More rows may join the batch, for that long.
        case gathering(milliseconds: Int)
        /// `isStopped` said so.
        case stopped
    }

    private typealias Machine = DeliveryStateMachine

    private let session: Session
    private let gatherer: BatchGatherer
    private let ledger: any DeliveryLedger
    private let deadLetters: any DeadLetterSink
    private let options: DeliveryOptions
    private let time: Time
    private let metrics: DeliveryMetrics
    private let diagnostics: Diagnostics

    var machine: DeliveryStateMachine
    private(set) var action: DeliveryStateMachine.Action
    package let orders: DeliveryOrders
    /// The batch under way, and the one that is gathered meanwhile.
    private var batch = Batch()
    private var ahead = Batch()
    private var isAheadGathered = false
    private var superseded = 0
    private var said: [TableRemark] = []
    /// Monotonic milliseconds.
    private var comparedAt: UInt64?

    package init(
        session: Session, source: any RecordSource, ledger: any DeliveryLedger, deadLetters: any DeadLetterSink,
        options: DeliveryOptions, time: Time, metrics: DeliveryMetrics, diagnostics: Diagnostics, seed: UInt64,
        orders: DeliveryOrders = DeliveryOrders()
    ) {
        self.orders = orders
        self.session = session
        gatherer = BatchGatherer(source: source, deadLetters: deadLetters)
        self.ledger = ledger
        self.deadLetters = deadLetters
        self.options = options
        self.time = time
        self.metrics = metrics
        self.diagnostics = diagnostics
        machine = DeliveryStateMachine(
            run: ledger.run, runs: ledger.runs, known: ledger.lanes,
            floors: Dictionary(uniqueKeysWithValues: EventKind.allCases.map { ($0, ledger.floor(of: $0)) }),
            gaps: ledger.acceptedGaps, settled: ledger.settled, isDisputed: ledger.isDisputed, server: ledger.server,
            options: options,
            seed: seed)
        action = .wait(milliseconds: 0)
        action = machine.handle(.started, at: moment)
    }

    /// What is there goes at once from now on.
    func drain() { machine.isDraining = true }

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
            case .gatherMore(let milliseconds): return .gathering(milliseconds: milliseconds)
            case .connect: event = connect()
            case .execute(let statement): event = try execute(statement)
            case .gather(let turn): event = try gather(turn)
            case .explain(let lane): event = explain(lane)
            case .refuse(let lane, let sequence, let error): event = try refuse(lane, sequence, error)
            case .record(let finding): event = record(finding)
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
        case .wait, .idle: take(.woke)
        // An order has ended the pause.
        default: break
        }
    }

    func disconnect() { session.disconnect() }

    package var status: DeliveryStatus {
        machine.status(
            now: moment.milliseconds, time: Timestamp(unixMicroseconds: time.realtimeMicroseconds()))
    }

    private var moment: DeliveryStateMachine.Moment {
        DeliveryStateMachine.Moment(
            milliseconds: time.monotonicNanoseconds() / 1_000_000, durable: gatherer.durable)
    }

    func take(_ event: DeliveryStateMachine.Event) {
        action = machine.handle(event, at: moment)
        passEffects()
    }

    func passEffects() {
        for effect in machine.takeEffects() { pass(effect) }
    }

    private func pass(_ effect: DeliveryStateMachine.Effect) {
        switch effect {
        case .notice(let text): diagnostics.notice(text)
        case .warning(let text): diagnostics.warning(text)
        case .error(let text): diagnostics.error(text)
        case .attempt(let outcome): metrics.count(outcome)
        case .committed(let summary):
            metrics.count(summary)
            metrics.count(superseded: superseded)
            superseded = 0
            // A COMMIT whose answer was lost may have been another batch's rows by now.
            if batch.summary == summary {
                metrics.observe(batch.receipts, now: Timestamp(unixMicroseconds: time.realtimeMicroseconds()))
            }
        case .accepted(let rows): tellLedger(rows, isAccepted: true)
        case .ledger(let lanes, let settled):
            ledger.committed(lanes, settled: settled)
            // No lane looks at a record below its fate again, and settled is the lowest fate.
            deadLetters.forgetRefusals(upTo: settled)
        case .databaseUp(let isUp): metrics.setDatabaseUp(isUp)
        case .gapAccepted(let gaps): metrics.count(gaps)
        case .answered(let outcome): orders.answer(outcome)
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
        let now = moment.milliseconds
        if let comparedAt, now < comparedAt + 60_000 { return }
        do {
            let remarks = try session.compareTables()
            for remark in remarks where !said.contains(remark) {
                if remark.isObstacle {
                    diagnostics.warning("rows will wait: \(remark.sentence)")
                } else {
                    diagnostics.notice(remark.sentence)
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
        do {
            switch statement {
            case .begin: try session.begin()
            case .fence:
                return .fenced(try compare(session.lockPositions(spool: ledger.spool, lanes: EventKind.allCases)))
            case .lock(let lanes): return .locked(try session.lockPositions(spool: ledger.spool, lanes: lanes))
            case .insert(let lanes):
                try session.insertPositions(spool: ledger.spool, lanes: lanes, host: options.host, owner: ledger.run)
            case .own(let lanes):
                return .changed(try session.takeOwnership(spool: ledger.spool, lanes: lanes, owner: ledger.run))
            case .copy(let kind): try session.copy(kind, tuples: batch.tuples(kind), rows: batch.rows(kind))
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
        tellLedger(rows, isAccepted: false)
        return try rows.map { row in
            var found = FencedRow(
                row: row, ownOrigin: row.position == .zero ? nil : try gatherer.origin(of: row.position))
            let lane = machine[row.lane]
            if found.ownOrigin == nil, row.position < lane.position {
                found.firstKept = try gatherer.firstKept(after: lane.passed(from: row.position))
            }
            found.isLost = found.ownOrigin == nil && gatherer.isLost(row.position)
            return found
        }
    }

    /// Lines that were lost in the spool are read again, or not, by what the rows say. What cannot be kept of it now, the
    /// ledger tries again, and until then nothing is read again.
    private func tellLedger(_ rows: [PositionRow], isAccepted: Bool) {
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

    private func record(_ finding: DeliveryStateMachine.HistoryFinding) -> DeliveryStateMachine.Event {
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

    /// While the server commits, what comes next is gathered.
    private func gatherAhead() throws {
        guard let turn = machine.turnAfterCommit(at: moment) else { return }
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
            try deadLetters.append([letter])
        } catch let error as any DeadLettersUnusable {
            throw error
        } catch {
            return .refusalFailed("\(error)")
        }
        // Else the row would be sent, and refused, without end.
        guard deadLetters.holdsRefusal(of: sequence) else {
            return .refusalFailed("the store does not hold record \(sequence) after it was appended")
        }
        diagnostics.warning(
            "the database refused record \(sequence) of \(lane.name), which is a dead letter now: "
                + "SQLSTATE \(error.sqlstate)")
        return .refusalKept
    }
}
