import Instruments
import OperationLogs
import Synchronization

extension SpoolWriter {
    /// Whether chunks become durable: not while space is short, nor after a failure or the stop.
    public var isAccepting: Bool {
        inbox.withLock { $0.shortage == nil && $0.failure == nil && !$0.isStopping }
    }

    public var status: SpoolStatus {
        let state = map.snapshot
        let now = now
        let lost = damage.ranges
        return inbox.withLock { inbox in
            SpoolStatus(
                spool: inbox.identity.name, run: run, segments: state.segments.count,
                bytes: state.segments.reduce(spareBytes.load(ordering: .relaxed)) { $0 + $1.bytes },
                maxBytes: options.maxBytes,
                first: state.segments.first?.first ?? SequenceNumber(state.durable.rawValue + 1),
                durable: state.durable, refillableSince: state.segments.first?.header.made,
                acceptedGaps: inbox.identity.accepted,
                settled: inbox.settled, movedDeadLetters: inbox.moved,
                undeliveredEvents: undelivered(state.durable, inbox.settled, lost),
                oldestUndeliveredSeconds: age(inbox, durable: state.durable, now: now),
                queuedChunks: inbox.queue.count, shortage: inbox.shortage, failure: inbox.failure?.description,
                keptSegmentsGivenUp: gaveWay.load(ordering: .relaxed), groups: inbox.groups,
                syncs: syncCount.load(ordering: .relaxed), lostRanges: lost, recovery: recovery)
        }
    }

    /// Numbers that are lost, or were never given, are no events. The ranges may overlap.
    private func undelivered(
        _ durable: SequenceNumber, _ settled: SequenceNumber, _ lost: [LostRange]
    ) -> UInt64 {
        guard durable > settled else { return 0 }
        var count = durable.rawValue - settled.rawValue
        var next = settled.advanced(by: 1)
        for range in lost where range.next > next && range.first <= durable {
            count -= range.next.rawValue - max(range.first, next).rawValue
            next = range.next
        }
        return count
    }

    /// Between which times records of these numbers became durable, as far as that is known: since the start of a run, and
    /// before the first segment behind them was made.
    public func written(_ range: ClosedRange<SequenceNumber>) -> (after: String?, before: Timestamp?) {
        let run = inbox.withLock { $0.identity.runs.last { $0.firstSequence <= range.lowerBound } }
        return (run?.time, map.snapshot.segments.first { $0.first > range.upperBound }?.header.made)
    }

    private func age(_ inbox: SpoolInbox, durable: SequenceNumber, now: Timestamp) -> Double {
        guard durable > inbox.settled, let written = inbox.marks.written(inbox.settled.advanced(by: 1)) else {
            return 0
        }
        return max(0, Double(now.microseconds - written.microseconds) / 1e6)
    }

    func registerGauges(_ registry: Registry) {
        registry.gauge("opslogd_spool_events", help: "Durable events that are not delivered yet.") { [weak self] in
            self.map { Double($0.status.undeliveredEvents) } ?? 0
        }
        registry.gauge("opslogd_spool_bytes", help: "Bytes of all segment files.") { [weak self] in
            self.map { Double($0.status.bytes) } ?? 0
        }
        registry.gauge(
            "opslogd_spool_oldest_event_age_seconds", help: "How long ago the oldest undelivered event was written."
        ) { [weak self] in self?.status.oldestUndeliveredSeconds ?? 0 }
        registry.gauge(
            "opslogd_spool_refillable_since_timestamp_seconds",
            help:
                "Unix time since which everything that was received is kept for a restored database; 0 before the first record."
        ) { [weak self] in
            (self?.map.snapshot.segments.first?.header.made).map { Double($0.unixMicroseconds) / 1e6 } ?? 0
        }
    }
}
