import OperationLogs

/// At the start, and after every doubt: lock all position rows, compare, take ownership.
extension DeliveryStateMachine {
    struct Fence: Sendable {
        enum Step: Sendable { case begin, compare, insert, own, sendCommit, awaitCommit }
        var step = Step.begin
        /// The rows as they were found; empty if they are being made.
        var rows: [PositionRow] = []
    }

    mutating func startFence() -> Action {
        connection.phase = .fencing(Fence())
        return .execute(.begin)
    }

    mutating func fencing(_ fence: Fence, _ event: Event, _ now: Moment) -> Action {
        switch (fence.step, event) {
        case (.begin, .done): return step(fence, .compare, .fence)
        case (.compare, .fenced(let found)): return compare(found, fence, now)
        case (.insert, .done), (.own, .changed(EventKind.allCases.count)):
            return step(fence, .sendCommit, .sendCommit)
        case (.own, .changed(let count)):
            return waitForOperator(
                "only \(count) of the \(EventKind.allCases.count) rows of operation_logs.spool_positions could be "
                    + "taken over; look for triggers or rules on that table", now)
        case (.sendCommit, .done): return step(fence, .awaitCommit, .awaitCommit)
        case (.awaitCommit, .committed(let answer)): return fenced(fence, warning: answer.warning, now)
        case (_, .failed(let failure)): return failedOutsideBatch(failure, now)
        default:
            return wait(nextRetry(), then: .connect, now)
        }
    }

    private mutating func step(_ fence: Fence, _ step: Fence.Step, _ statement: Statement) -> Action {
        var fence = fence
        fence.step = step
        if step == .sendCommit { numberCommit() }
        connection.phase = .fencing(fence)
        return .execute(statement)
    }

    private mutating func compare(_ found: [FencedRow], _ fence: Fence, _ now: Moment) -> Action {
        var contradictions: [String] = []
        var gaps: [LaneGap] = []
        var sign: String?
        var new = 0
        var behind: [FencedRow] = []
        let ids = Set(runs.map(\.id))
        for lane in lanes {
            let row = found.first { $0.row.lane == lane.lane }
            let floor = lane.passed(from: row?.row.position ?? .zero)
            let verdict = PositionVerdict.of(row, known: lane.known, floor: floor, durable: now.durable, runs: ids)
            switch (verdict, row) {
            case (.new, _): new += 1
            case (.behind, let row?): behind.append(row)
            case (.forked(let found), let row?): sign = sign ?? found.words(lane.lane, row: row.row)
            case (.mustWait(let contradiction), _):
                if case .notKept(let first, let last) = contradiction {
                    let end = row?.firstKept.map { SequenceNumber($0.rawValue - 1) } ?? now.durable
                    gaps.append(LaneGap(lane: lane.lane, first: first, last: last, end: end))
                }
                contradictions.append(contradiction.sentence(lane.lane, row: row?.row, known: lane.known))
            default: break
            }
        }
        if sign != nil || gaps.count < contradictions.count || found.count < lanes.count { gaps = [] }
        if isAccepted(gaps) { return rollBack(then: .record(.gap(gaps), then: nil)) }
        if let sign, found.count == lanes.count { return forked(found, sign, now) }
        if let first = contradictions.first {
            let more = contradictions.count - 1
            return waitForOperator(more > 0 ? "\(first) (and \(more) more rows)" : first, now)
        }
        if new == lanes.count { return step(fence, .insert, .insert(lanes.map(\.lane))) }
        if new > 0 {
            // The rows are made together: some without the others were taken away by somebody.
            let missing = lanes.first { lane in !found.contains { $0.row.lane == lane.lane } }?.lane
            return waitForOperator(
                PositionVerdict.Contradiction.rowMissing.sentence(
                    missing ?? .dataQualityErrors, row: nil,
                    known: LanePosition(lane: missing ?? .dataQualityErrors, position: .zero, origin: nil)), now)
        }
        if !behind.isEmpty { return rewind(behind) }
        var fence = fence
        fence.rows = found.map(\.row)
        return step(fence, .own, .own(lanes.map(\.lane)))
    }

    /// - Parameter warning: of this COMMIT: what it followed is not replicated either.
    private mutating func fenced(_ fence: Fence, warning: String?, _ now: Moment) -> Action {
        noteReplication(warning, now)
        for index in connections.indices {
            current = index
            settleUnknownOutcome(fence, warning: warning, now)
        }
        current = 0
        for row in fence.rows where row.position > self[row.lane].position {
            self[row.lane].position = row.position
            self[row.lane].origin = RecordOrigin(run: row.run, chain: row.chain)
            self[row.lane].fate = max(self[row.lane].fate, row.position)
        }
        emit(.accepted(fence.rows))
        mustFence = false
        hasOwned = true
        connection.operatorRetry.reset()
        if unreplicated == nil {
            settled = max(settled, lowestFate)
            emit(.ledger(lanes.map(\.known), settled: settled))
        }
        if connection.obstacle != nil {
            connection.obstacle = nil
            emit(.notice("delivery goes on: the database is reached, and its position rows fit this spool"))
        }
        saidAt["*"] = nil
        return recordWhatIsNew(now)
    }

    /// The position rows know what became of a batch whose COMMIT was not answered.
    private mutating func settleUnknownOutcome(_ fence: Fence, warning: String?, _ now: Moment) {
        guard let batch = connection.unknownOutcome else { return }
        connection.unknownOutcome = nil
        let moved = batch.shares.allSatisfy { share in
            fence.rows.contains { $0.lane == share.lane && $0.position == share.last }
        }
        if moved {
            committed(batch, warning: warning, now)
        } else {
            emit(.notice("a COMMIT without an answer had not taken place; its batch is sent again"))
        }
    }

    /// What the fence has shown is kept before anything is sent.
    mutating func recordWhatIsNew(_ now: Moment) -> Action {
        if isDisputed { return follow(.record(.dispute(false), then: nil), now) }
        if let present = connection.server?.server, present != knownServer {
            return follow(.record(.server(present), then: nil), now)
        }
        return choose(now)
    }

    /// Everything waits until somebody has mended something; tried again at intervals.
    mutating func waitForOperator(_ reason: String, _ now: Moment) -> Action {
        noteObstacle(reason, now)
        emit(.attempt(.held))
        return rollBack(then: .wait(connection.operatorRetry.nextBound()))
    }

    mutating func noteObstacle(_ reason: String, _ now: Moment) {
        connection.obstacle = reason
        lastError = (reason, now.milliseconds)
        mustFence = true
        sayOnceAMinute("*", now, .error("delivery waits: \(reason)"))
    }

    var lowestFate: SequenceNumber { lanes.map(\.fate).min() ?? .zero }
}
