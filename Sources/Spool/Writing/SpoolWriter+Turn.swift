import Instruments
import LinuxSystem
import OperationLogs
import Synchronization

/// What the writer's thread does after a turn.
package enum SpoolTurn: Equatable {
    case again
    /// Until a wake-up, or so many milliseconds.
    case wait(milliseconds: Int?)
    case ended
}

extension SpoolWriter {
    /// One step of the writer: a group, a segment, the cursor, or nothing to do. Never waits for anything but the disk,
    /// so that a simulated world can drive it.
    package func turn() throws(SpoolError) -> SpoolTurn {
        do {
            return try core.withLock { core throws(SpoolError) in
                defer {
                    syncCount.store(core.syncs, ordering: .relaxed)
                    spareBytes.store(core.shelf.spareBytes, ordering: .relaxed)
                }
                return try turn(&core)
            }
        } catch {
            inbox.withLock { inbox in
                inbox.failure = error
                inbox.queue.removeAll()
            }
            diagnostics.critical("\(error); nothing more is acknowledged, and the daemon ends")
            throw error
        }
    }

    private func turn(_ core: inout WriterCore<Disk>) throws(SpoolError) -> SpoolTurn {
        let failure = inbox.withLock { $0.failure }
        if let failure { throw failure }
        let now = monotonicMilliseconds
        let room = core.active?.room ?? 0
        let (action, chunks) = inbox.withLock { inbox in
            let situation = GroupCommitStateMachine.Situation(
                now: now, room: room, isStopping: inbox.isStopping, cursorChangedAt: inbox.cursorChangedAt)
            let action = core.commit.next(situation, queued: inbox.queue.lazy.map(\.bytes.count))
            guard case .write(let count) = action else { return (action, ArraySlice<RecordChunk>()) }
            return (action, ArraySlice(inbox.queue.prefix(count)))
        }
        switch action {
        case .wait(let milliseconds):
            let isNoted = damage.accounts?.noteAgain() ?? true
            return .wait(milliseconds: isNoted ? milliseconds : min(milliseconds ?? 1000, 1000))
        case .write:
            try write(chunks, &core)
        case .makeSegment(let payload):
            let delivered = min(core.cursor.saved.settled, core.cursor.saved.moved)
            let before = core.gaveWay
            let shortage = try core.makeSegment(holding: payload, delivered: delivered, now: self.now)
            if core.gaveWay > before {
                gaveWay.store(core.gaveWay, ordering: .relaxed)
                diagnostics.notice(
                    "\(core.gaveWay - before) delivered segments that were kept gave way to undelivered ones")
            }
            note(shortage, &core)
        case .saveCursor:
            try saveCursor(&core)
        case .finish:
            try core.sealStop(self.now)
            try saveCursor(&core)
            let left = inbox.withLock { $0.queue.count }
            if left > 0 {
                diagnostics.notice("stopped with \(left) chunks unacknowledged; their inputs still have them")
            }
            return .ended
        }
        return .again
    }

    private func write(_ chunks: ArraySlice<RecordChunk>, _ core: inout WriterCore<Disk>) throws(SpoolError) {
        let first = core.nextSequence
        let written = now
        let began = time.monotonicNanoseconds()
        guard try core.write(chunks, now: written) else { return note(.diskFull, &core) }
        syncSeconds.observe(Double(time.monotonicNanoseconds() - began) / 1e9)
        note(nil, &core)
        let latestFilledIn = core.latestFilledIn
        let hasRecords = core.nextSequence > first
        let wakes = inbox.withLock { inbox in
            inbox.queue.removeFirst(chunks.count)
            inbox.groups += 1
            inbox.latestFilledIn = latestFilledIn
            if hasRecords { inbox.marks.add(first, written) }
            return inbox.wakes
        }
        tellReceipts(chunks)
        if hasRecords { for wake in wakes { wake() } }
    }

    /// Tells each receipt its last ticket, once a group.
    private func tellReceipts(_ chunks: ArraySlice<RecordChunk>) {
        if chunks.count == 1, let chunk = chunks.first { return chunk.receipt?.durable(upTo: chunk.ticket) ?? () }
        var told = Set<ObjectIdentifier>()
        for chunk in chunks.reversed() {
            guard let receipt = chunk.receipt, told.insert(ObjectIdentifier(receipt)).inserted else { continue }
            receipt.durable(upTo: chunk.ticket)
        }
    }

    private func saveCursor(_ core: inout WriterCore<Disk>) throws(SpoolError) {
        let slot = inbox.withLock { inbox in
            inbox.cursorChangedAt = nil
            return inbox.slot(run: run)
        }
        try core.saveCursor(slot, now: now)
    }

    /// Says when space runs short and when it is there again, once each.
    private func note(_ shortage: SpaceShortage?, _ core: inout WriterCore<Disk>) {
        let now = monotonicMilliseconds
        let remark: SpaceTrouble.Remark?
        if let shortage {
            core.commit.spaceRefused(shortage, now: now)
            remark = core.trouble.refused(now: now)
        } else {
            core.commit.spaceGranted()
            remark = core.trouble.granted(now: now)
        }
        inbox.withLock { $0.shortage = shortage }
        let what = "no room for another segment: \(shortage?.description ?? "")"
        let remedy = "free space, raise max_bytes, or bring the database back"
        switch remark {
        case .short: diagnostics.warning("\(what); inputs wait and nothing is lost; \(remedy)")
        case .shortAgain:
            diagnostics.warning(
                "again \(what); inputs wait whenever there is none, and nothing is lost; said no more until there was "
                    + "room for a minute; \(remedy)")
        case .over: diagnostics.notice("there is room again; inputs go on")
        case nil: break
        }
    }
}
