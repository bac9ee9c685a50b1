import OperationLogs

/// What a failure means, and what is done about it.
extension DeliveryStateMachine {
    // MARK: Before and between batches

    mutating func connectFailed(_ failure: DatabaseFailure, _ now: Moment) -> Action {
        disconnected()
        switch failure {
        case .server(let error):
            let row = SQLSTATECase.of(error, lane: nil)
            let text = row.sentence(error)
            if row.meaning == .passing || row.meaning == .outcomeUnknown {
                return retryConnection(text, now)
            }
            noteObstacle(text, now)
            emit(.attempt(.held))
            return wait(connection.operatorRetry.nextBound(), then: .connect, now)
        case .connectionLost(let text): return retryConnection(text, now)
        case .timedOut(let text): return retryConnection(text, now)
        case .interrupted: return wait(nextRetry(), then: .connect, now)
        }
    }

    private mutating func retryConnection(_ text: String, _ now: Moment) -> Action {
        lastError = (text, now.milliseconds)
        sayOnceAMinute("connection", now, .warning("the database is not reached, and is tried again: \(text)"))
        emit(.attempt(.retried))
        return wait(nextRetry(), then: .connect, now)
    }

    /// A failure while no batch is under way, but perhaps a transaction: everything waits.
    mutating func failedOutsideBatch(_ failure: DatabaseFailure, _ now: Moment) -> Action {
        guard case .server(let error) = failure else { return lostOutsideTransaction(failure, now) }
        let row = SQLSTATECase.of(error, lane: nil)
        if row.meaning == .passing || row.meaning == .outcomeUnknown {
            lastError = (row.sentence(error), now.milliseconds)
            var text = row.sentence(error)
            if error.sqlstate == "55P03" {
                text = "another session still holds the position rows, and is waited for: \(text)"
            }
            sayOnceAMinute("passing", now, .warning(text))
            emit(.attempt(.retried))
            return rollBack(then: .wait(nextRetry()))
        }
        return waitForOperator(row.sentence(error), now)
    }

    mutating func lostOutsideTransaction(_ failure: DatabaseFailure, _ now: Moment) -> Action {
        mustFence = true
        switch failure {
        case .server(let error): return failedOutsideBatch(.server(error), now)
        case .connectionLost(let text), .timedOut(let text): return retryConnection(text, now)
        case .interrupted: return wait(nextRetry(), then: .connect, now)
        }
    }

    // MARK: Within a batch

    mutating func failed(_ failure: DatabaseFailure, in sending: Sending, _ now: Moment) -> Action {
        let statement = sending.statement
        let isCommit = statement == .sendCommit || statement == .awaitCommit
        if isCommit {
            // Whatever the answer was, the position rows know.
            mustFence = true
            connection.unknownOutcome = sending.batch
        }
        guard case .server(let error) = failure else {
            return lost(failure, in: sending, isCommit: isCommit, now)
        }
        let lane = culprit(error, in: sending)
        let row = SQLSTATECase.of(error, lane: lane)
        let text = row.sentence(error)
        lastError = (text, now.milliseconds)
        switch row.meaning {
        case .outcomeUnknown:
            mustFence = true
            emit(.attempt(.unknown))
            return rollBack(then: .wait(nextRetry()))
        case .passing:
            emit(.attempt(.retried))
            return passing(row, lane, text, in: sending, now)
        case .rowsFault:
            guard let lane else { return ofNoLane(error, in: sending, text, now) }
            emit(.attempt(.refused))
            return isolate(lane, in: sending, error, text, now)
        case .operators, .unclassified:
            guard let lane else { return ofNoLane(error, in: sending, text, now) }
            emit(.attempt(.held))
            hold(lane, text, now, retrying: operatorRetryOfLane(lane))
            return rollBack(then: .explain(lane))
        }
    }

    private mutating func lost(
        _ failure: DatabaseFailure, in sending: Sending, isCommit: Bool, _ now: Moment
    ) -> Action {
        mustFence = true
        let wasFirst = sending.statement == .begin && connection.retry.attempts == 0
        disconnected()
        emit(.attempt(isCommit ? .unknown : .retried))
        switch failure {
        case .timedOut(let text):
            lastError = (text, now.milliseconds)
            if case .copy(let lane) = sending.statement {
                // The table may be locked by somebody: the others need not wait for it.
                halve(lane, in: sending)
                hold(lane, text, now, retrying: passingRetryOfLane(lane))
            } else {
                halve()
            }
            sayOnceAMinute("connection", now, .warning("the database gave no answer, and is tried again: \(text)"))
        case .connectionLost(let text):
            lastError = (text, now.milliseconds)
            // A connection that ended while it was idle is no failure yet: it is opened again at once.
            if wasFirst {
                _ = nextRetry()
                return connect()
            }
            sayOnceAMinute("connection", now, .warning("the connection was lost, and is opened again: \(text)"))
        case .interrupted, .server: break
        }
        return wait(nextRetry(), then: .connect, now)
    }

    private mutating func passing(
        _ row: SQLSTATECase, _ lane: EventKind?, _ text: String, in sending: Sending, _ now: Moment
    ) -> Action {
        if row.concernsOneTable, let lane {
            // It goes alone from now on, so that the others keep their batches as they are.
            if row.asksForSmallerBatch { halve(lane, in: sending) }
            hold(lane, text, now, retrying: passingRetryOfLane(lane))
            sayOnceAMinute(lane.name, now, .warning("\(lane.name) is tried again: \(text)"))
            return rollBack(then: .choose)
        }
        if row.asksForSmallerBatch { halve() }
        mustFence = true
        sayOnceAMinute("passing", now, .warning("the batch is sent again: \(text)"))
        return rollBack(then: .wait(nextRetry()))
    }

    private mutating func halve() {
        connection.rowLimit = max(1, connection.rowLimit / 2)
        connection.commitsSinceResize = 0
    }

    private mutating func halve(_ lane: EventKind, in sending: Sending) {
        self[lane].rowsAlone = max(1, (sending.batch.shares.first { $0.lane == lane }?.rows ?? 1) / 2)
        self[lane].commitsBeforeGrowth = Self.commitsBeforeGrowth
    }

    // MARK: Lanes that go alone

    /// Finds the row: the lane alone, by halves. A row that was sent as the only one of its table is the one.
    private mutating func isolate(
        _ lane: EventKind, in sending: Sending, _ error: ServerError, _ text: String, _ now: Moment
    ) -> Action {
        guard let share = sending.batch.shares.first(where: { $0.lane == lane }) else {
            return rollBack(then: .choose)
        }
        if !self[lane].isAlone { self[lane].rowsToRejoin = share.rows }
        self[lane].isAlone = true
        // A hold stays until the refusal is kept: one that cannot be kept is met here again at each try.
        if share.rows == 1 {
            self[lane].refusals.noteRefused(share.first)
            if self[lane].refusals.isBeyondReason { return stopRefusing(lane, text, now) }
            return rollBack(then: .refuse(lane, share.first, error))
        }
        // It takes rows again, if not all of them.
        release(lane)
        if self[lane].suspects == nil { self[lane].rowsAlone = max(1, share.rows / 2) }
        self[lane].suspects = share.rows
        // Where the server names a row, those before it are tried next, and then it alone; else one half.
        if case .copy = sending.statement, let row = error.row, (1...share.rows).contains(row) {
            self[lane].likelyGood = row - 1
        } else {
            self[lane].likelyGood = nil
        }
        return rollBack(then: .choose)
    }

    /// A table that refuses most of its rows has a fault of its own: it is held before its rows become dead letters in a
    /// flood. From time to time its next row is tried again; once one is taken, the table goes on.
    private mutating func stopRefusing(_ lane: EventKind, _ text: String, _ now: Moment) -> Action {
        let refusals = self[lane].refusals
        self[lane].suspects = nil
        self[lane].rowsAlone = 1
        self[lane].commitsBeforeGrowth = 0
        hold(
            lane,
            "it has refused \(refusals.refused) of the last \(refusals.attempted) rows, so no further row becomes a dead "
                + "letter until one is taken: \(text); mend the table, or if the rows are to blame, 'opslogd delivery release \(lane.name)'",
            now,
            retrying: operatorRetryOfLane(lane))
        return rollBack(then: .explain(lane))
    }

    /// An error that does not pass by itself and concerns no lane in particular.
    private mutating func ofNoLane(
        _ error: ServerError, in sending: Sending, _ text: String, _ now: Moment
    ) -> Action {
        switch sending.statement {
        case .move, .sendCommit, .awaitCommit:
            // The position rows are everybody's. Else it is one of the tables, and nobody can tell which: each goes
            // alone until it has got through.
            let isOfPositions =
                error.table == "spool_positions" || error.sqlstate.hasPrefix("42") || error.isRaised
            guard !isOfPositions, sending.batch.shares.count > 1 else { return waitForOperator(text, now) }
            emit(.attempt(.retried))
            for share in sending.batch.shares {
                self[share.lane].isAlone = true
                self[share.lane].suspects = share.rows
            }
            sayOnceAMinute("split", now, .warning("the tables of a batch are sent one by one: \(text)"))
            return rollBack(then: .choose)
        default: return waitForOperator(text, now)
        }
    }

    mutating func refusalKept(_ lane: EventKind, _ now: Moment) -> Action {
        self[lane].suspects = nil
        release(lane)
        return choose(now)
    }

    mutating func release(_ lane: EventKind) {
        guard self[lane].hold != nil else { return }
        self[lane].hold = nil
        saidAt[lane.name] = nil
    }

    mutating func refusalFailed(_ lane: EventKind, _ text: String, _ now: Moment) -> Action {
        let reason = "a refused row cannot be kept as a dead letter: \(text)"
        lastError = (reason, now.milliseconds)
        hold(lane, reason, now, retrying: operatorRetryOfLane(lane))
        sayOnceAMinute(lane.name, now, .error("\(lane.name) waits: \(reason)"))
        return choose(now)
    }

    private mutating func hold(_ lane: EventKind, _ reason: String, _ now: Moment, retrying backoff: Backoff) {
        var backoff = backoff
        let wait = backoff.nextBound()
        self[lane].isAlone = true
        self[lane].hold = LaneState.Hold(
            reason: reason, backoff: backoff, retryAt: now.milliseconds + UInt64(wait))
    }

    private func operatorRetryOfLane(_ lane: EventKind) -> Backoff {
        self[lane].hold?.backoff ?? Backoff(initialMilliseconds: 1000, maxMilliseconds: 30_000)
    }

    private func passingRetryOfLane(_ lane: EventKind) -> Backoff {
        self[lane].hold?.backoff
            ?? Backoff(
                initialMilliseconds: options.retryInitialMilliseconds,
                maxMilliseconds: min(30_000, options.retryMaxMilliseconds))
    }

    // MARK: Whose error it is

    /// The lane that an error concerns; nil if it concerns none, or cannot be told.
    private func culprit(_ error: ServerError, in sending: Sending) -> EventKind? {
        switch sending.statement {
        case .copy(let lane): return lane
        case .upsert: return .pipelineWatermarks
        case .begin, .fence, .lock, .insert, .own, .rollback: return nil
        case .move, .sendCommit, .awaitCommit:
            // A constraint that was deferred until now. It names its table.
            if error.table == "spool_positions" { return nil }
            // Every trigger of the rows has run by now: one that speaks up here is on the position rows.
            if case .move = sending.statement, error.isRaised { return nil }
            if let lane = error.table.flatMap(EventKind.init(name:)),
                sending.batch.shares.contains(where: { $0.lane == lane })
            {
                return lane
            }
            // Rights on the position rows are everybody's; for the rest a lone lane answers.
            if error.sqlstate.hasPrefix("42") { return nil }
            return sending.batch.shares.count == 1 ? sending.batch.shares.first?.lane : nil
        }
    }
}
