import OperationLogs

/// Which lanes are gathered next, and what a batch that arrived changes.
extension DeliveryStateMachine {
    mutating func choose(_ now: Moment) -> Action {
        if mustFence { return isFirst && isAloneAtWork ? startFence() : park() }
        if let action = leaveOtherServer(now) { return action }
        if !isFirst { connection.obstacle = nil }
        if let turn = takeTurn(now) {
            connection.phase = .gathering(turn, until: nil)
            return .gather(turn)
        }
        connection.phase = .waiting(.choose)
        let next = lanes.filter { isOwn($0) && $0.isAlone && $0.fate < now.durable }.compactMap(\.hold?.retryAt).min()
        connection.retryAt = next
        return .idle(milliseconds: next.map { Int($0 - min($0, now.milliseconds)) })
    }

    /// The turn after this batch, if it commits: it can be gathered while COMMIT is awaited.
    public func turnAfterCommit(of connection: Int = 0, at now: Moment) -> Turn? {
        guard case .sending(let sending) = connections[connection].phase else { return nil }
        var ahead = self
        ahead.current = connection
        ahead.committed(sending.batch, warning: nil, now)
        return ahead.takeTurn(now)
    }

    /// The next of the turns that are due, in rotation: the lanes that go together, then each that goes alone.
    mutating func takeTurn(_ now: Moment) -> Turn? {
        var due: [(number: Int, lanes: [LaneState], limit: Int)] = []
        let together = lanes.filter { isOwn($0) && !$0.isAlone }
        if together.contains(where: { $0.fate < now.durable }) { due.append((0, together, connection.rowLimit)) }
        for lane in lanes where isOwn(lane) && lane.isAlone && lane.fate < now.durable {
            if let hold = lane.hold, hold.retryAt > now.milliseconds { continue }
            due.append((Int(lane.lane.rawValue), [lane], min(connection.rowLimit, lane.rowLimit)))
        }
        guard let next = due.first(where: { $0.number > connection.lastTurn }) ?? due.first else { return nil }
        connection.lastTurn = next.number
        return Turn(
            lanes: next.lanes.map { Turn.Lane(lane: $0.lane, fate: $0.fate) },
            from: next.lanes.map(\.fate).min() ?? .zero, rowLimit: next.limit)
    }

    mutating func gathered(_ batch: BatchSummary, _ turn: Turn, _ until: UInt64?, _ now: Moment) -> Action {
        // What another connection has found out meanwhile may be that these records are not to be sent, or others before.
        if mustFence { return choose(now) }
        guard !batch.shares.isEmpty else {
            // Records of other lanes, rejected lines, refusals that are kept: nothing to send.
            passed(batch)
            for lane in batch.turn.lanes where self[lane.lane].isAlone { self[lane.lane].suspects = nil }
            rejoin(now)
            return choose(now)
        }
        if options.batchWaitMilliseconds > 0, !batch.isFull, !isDraining {
            let end = until ?? now.milliseconds + UInt64(options.batchWaitMilliseconds)
            if end > now.milliseconds {
                connection.phase = .gathering(turn, until: end)
                return .gatherMore(milliseconds: Int(end - now.milliseconds))
            }
        }
        var statements: [Statement] = [.begin, .lock(batch.shares.map(\.lane))]
        statements += batch.copied.map { .copy($0) }
        if batch.shares.contains(where: { $0.lane == .pipelineWatermarks }) { statements.append(.upsert) }
        statements.append(
            .move(
                batch.shares.map {
                    PositionMove(lane: $0.lane, from: self[$0.lane].position, to: $0.last, origin: $0.origin)
                }))
        statements += [.sendCommit, .awaitCommit]
        let sending = Sending(batch: batch, statements: statements)
        connection.phase = .sending(sending)
        return .execute(sending.statement)
    }

    mutating func answered(_ sending: Sending, _ event: Event, _ now: Moment) -> Action {
        switch (sending.statement, event) {
        case (_, .failed(let failure)): return failed(failure, in: sending, now)
        case (.lock(let lanes), .locked(let rows)):
            guard lanes.allSatisfy({ lane in rows.contains { isAsExpected($0, lane) } }) else {
                mustFence = true
                lastError = ("a position row is not where it was left", now.milliseconds)
                emit(.attempt(.retried))
                return rollBack(then: .wait(nextRetry()))
            }
            return advance(sending)
        case (.move(let moves), .changed(let count)):
            guard count == moves.count else {
                mustFence = true
                lastError = ("only \(count) of \(moves.count) position rows were moved", now.milliseconds)
                emit(.attempt(.retried))
                return rollBack(then: .wait(nextRetry()))
            }
            return advance(sending)
        case (.awaitCommit, .committed(let answer)):
            committed(sending.batch, warning: answer.warning, now)
            return choose(now)
        case (.begin, .done), (.copy, .done), (.upsert, .done), (.sendCommit, .done): return advance(sending)
        default:
            mustFence = true
            return wait(nextRetry(), then: .connect, now)
        }
    }

    private mutating func advance(_ sending: Sending) -> Action {
        var sending = sending
        sending.next += 1
        if sending.statement == .sendCommit { numberCommit() }
        connection.phase = .sending(sending)
        return .execute(sending.statement)
    }

    private func isAsExpected(_ row: PositionRow, _ lane: EventKind) -> Bool {
        let known = self[lane]
        return row.lane == lane && row.position == known.position && row.owner == run
            && (known.origin == nil || known.origin == RecordOrigin(run: row.run, chain: row.chain))
    }

    /// A batch is in the database.
    mutating func committed(_ batch: BatchSummary, warning: String?, _ now: Moment) {
        for share in batch.shares {
            self[share.lane].position = share.last
            self[share.lane].origin = share.origin
            self[share.lane].refusals.noteAccepted(share.rows)
        }
        if batch.turn.lanes.count == 1, let alone = batch.turn.lanes.first?.lane, self[alone].isAlone,
            let share = batch.shares.first
        {
            gotThrough(alone, share.rows)
        }
        growAfterCommit()
        connection.retry.reset()
        batches += 1
        eventsDelivered += batch.rows
        emit(.attempt(.committed))
        connection.delivered = batch
        emit(.committed(batch))
        noteReplication(warning, now)
        passed(batch, moved: true)
        rejoin(now)
    }

    mutating func numberCommit() {
        commitsSent += 1
        connection.commitNumber = commitsSent
    }

    /// Whether what a COMMIT delivered may be let go: not while it is on one server only although it should be on two. One
    /// without a warning shows it for all before it, since a standby confirms the log in its order; but not one that was
    /// already on its way when another was answered with a warning.
    mutating func noteReplication(_ warning: String?, _ now: Moment) {
        guard let warning else {
            if let unreplicated, connection.commitNumber > unreplicated { self.unreplicated = nil }
            return
        }
        unreplicated = commitsSent
        sayOnceAMinute(
            "commit", now,
            .warning("COMMIT was answered with a warning: \(warning); what it delivered is kept in the spool"))
    }

    /// A batch that was halved is doubled again after some have got through: each try that is too large costs a timeout.
    private mutating func growAfterCommit() {
        guard connection.rowLimit < options.batchEvents else { return }
        connection.commitsSinceResize += 1
        if connection.commitsSinceResize == Self.commitsBeforeGrowth {
            connection.rowLimit = min(options.batchEvents, connection.rowLimit * 2)
            connection.commitsSinceResize = 0
        }
    }

    private mutating func gotThrough(_ lane: EventKind, _ rows: Int) {
        if self[lane].hold != nil {
            self[lane].hold = nil
            saidAt[lane.name] = nil
            emit(.notice("\(lane.name) takes rows again"))
        }
        if let suspects = self[lane].suspects {
            // A row that the server named and that it takes after all: the rest is halved.
            self[lane].likelyGood = self[lane].likelyGood.flatMap { $0 >= rows ? $0 - rows : nil }
            self[lane].suspects = suspects > rows ? suspects - rows : nil
        } else if self[lane].commitsBeforeGrowth > 0 {
            self[lane].commitsBeforeGrowth -= 1
        } else {
            self[lane].rowsAlone = min(options.batchEvents, max(1, self[lane].rowsAlone) * 2)
        }
    }

    /// The lanes of a batch have no record up to its end that has not its fate.
    private mutating func passed(_ batch: BatchSummary, moved: Bool = false) {
        for lane in batch.turn.lanes { self[lane.lane].fate = max(self[lane.lane].fate, batch.scannedTo) }
        let lowest = lowestFate
        // What may be lost with the server that committed it must stay in the spool.
        guard unreplicated == nil, lowest > settled || moved else { return }
        settled = max(settled, lowest)
        emit(.ledger(lanes.map(\.known), settled: settled))
    }

    /// Lanes that have caught up, and are neither held nor suspected, nor refuse more rows than a batch would bear, go with
    /// the others again.
    mutating func rejoin(_ now: Moment) {
        let front = lanes.filter { isOwn($0) && !$0.isAlone }.map(\.fate).min() ?? .zero
        for index in lanes.indices where isOwn(lanes[index]) && lanes[index].isAlone {
            guard lanes[index].mayRejoin(durable: now.durable), lanes[index].fate >= front else { continue }
            lanes[index].isAlone = false
            lanes[index].rowsToRejoin = nil
        }
    }
}
