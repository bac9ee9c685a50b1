import LinuxSystem
import OperationLogs
import Synchronization

/// What Delivery finds out about the spool's history, made durable on Delivery's thread, between two turns of the
/// writer's.
extension SpoolWriter {
    public func rewind(_ lanes: [LanePosition], settled: SequenceNumber) throws {
        try record { core throws(SpoolError) in
            let first = core.shelf.map.snapshot.segments.first?.first ?? core.nextSequence
            guard first <= settled.advanced(by: 1) else {
                throw SpoolError(
                    .notKept,
                    "records \(settled.rawValue + 1) to \(first.rawValue - 1) are no longer kept in the spool")
            }
            inbox.withLock { inbox in
                _ = inbox.commit(lanes, settled: settled)
                inbox.settled = settled
            }
        }
    }

    public func fork(counted: [EventKind: SequenceNumber]) throws {
        try record { core throws(SpoolError) in
            let counted = EventKind.allCases.map { counted[$0] ?? .zero }
            try core.identity.append(
                .fork(SpoolFork(name: core.randomID(), time: now.rfc3339, counted: counted)), sparing: &core.reserve)
            let identity = core.identity.identity
            inbox.withLock { inbox in
                let slot = identity.following(inbox.slot(run: run))
                inbox.identity = identity
                inbox.lanes = slot?.lanes ?? inbox.lanes
                inbox.settled = slot?.settled ?? inbox.settled
                inbox.marks.pass(SequenceNumber(inbox.settled.rawValue + 1))
            }
        }
    }

    public func dispute(_ isDisputed: Bool) throws { try append(.dispute(isDisputed, time: now.rfc3339)) }

    public func note(_ server: DatabaseServer) throws { try append(.server(server, time: now.rfc3339)) }

    public func accept(_ gaps: [LaneGap]) throws {
        try record { core throws(SpoolError) in
            // Segments may have gone since the gap was found: that was not accepted.
            let first = core.shelf.map.snapshot.segments.first?.first ?? core.nextSequence
            if let gap = gaps.first(where: { $0.end.advanced(by: 1) < first }) {
                throw SpoolError(
                    .notKept,
                    "of \(gap.lane.name), records \(gap.end.rawValue + 1) to \(first.rawValue - 1) are no longer kept in "
                        + "the spool either")
            }
            try core.identity.append(
                .accepted(AcceptedGap(gaps: gaps, time: now.rfc3339)), sparing: &core.reserve)
            let identity = core.identity.identity
            inbox.withLock { $0.identity = identity }
        }
    }

    private func append(_ entry: IdentityEntry) throws(SpoolError) {
        try record { core throws(SpoolError) in
            try core.identity.append(entry, sparing: &core.reserve)
            let identity = core.identity.identity
            inbox.withLock { $0.identity = identity }
        }
    }

    /// Changes the identity or the ledger, and makes the cursor durable behind it.
    private func record(_ change: (inout WriterCore<Disk>) throws(SpoolError) -> Void) throws(SpoolError) {
        try core.withLock { core throws(SpoolError) in
            if let failure = inbox.withLock({ $0.failure }) { throw failure }
            try change(&core)
            let slot = inbox.withLock { $0.slot(run: run) }
            try core.saveCursor(slot, now: now)
        }
    }
}
