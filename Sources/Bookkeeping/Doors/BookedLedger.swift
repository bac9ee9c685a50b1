import Instruments
import OperationLogs
import Synchronization

/// The spool's ledger with somebody who takes note: of how far Delivery says that each lane is, and how many rows it had
/// counted as committed by then.
///
/// The two come from different hands. Delivery counts rows as it sends them; the bookkeeper counts the records of the same
/// stretch from the spool.
public final class BookedLedger: DeliveryLedger {
    private let base: any DeliveryLedger
    private let rows: @Sendable (EventKind) -> UInt64
    private let letters: @Sendable () -> UInt64
    private let state: Mutex<LedgerNews>
    private let wake = Mutex<(@Sendable () -> Void)?>(nil)

    /// - Parameters:
    ///   - rows: how many rows of a table Delivery has counted as committed.
    ///   - letters: how many rejected lines the store has counted as appended.
    public init(
        _ base: any DeliveryLedger, rows: @escaping @Sendable (EventKind) -> UInt64,
        letters: @escaping @Sendable () -> UInt64
    ) {
        self.base = base
        self.rows = rows
        self.letters = letters
        state = Mutex(
            LedgerNews(
                LedgerSample(base.lanes, settled: base.settled, rows: rows), moved: base.movedDeadLetters,
                letters: letters()))
    }

    /// The same from the daemon's own counters.
    public convenience init(_ base: any DeliveryLedger, registry: Registry) {
        let delivered = EventKind.allCases.map {
            registry.counter(
                "opslogd_events_delivered_total", help: "Events committed to their tables.",
                labels: [("event", $0.name)])
        }
        let appended = RejectionReason.allCases.filter { $0 != .rejectedByDatabase }.map {
            registry.counter(
                "opslogd_dead_letters_total", help: "Dead letters appended, by reason.",
                labels: [(name: "reason", value: $0.name)])
        }
        self.init(
            base, rows: { delivered[Int($0.rawValue) - 1].value },
            letters: { appended.reduce(0) { $0 + $1.value } })
    }

    /// What has happened since the last call.
    func takeNews() -> LedgerNews {
        state.withLock { news in
            let taken = news
            news.begin()
            return taken
        }
    }

    /// Calls `wake` at each piece of news; on the thread that brings it.
    func onNews(_ wake: @escaping @Sendable () -> Void) { self.wake.withLock { $0 = wake } }

    private func note(_ change: (inout LedgerNews) -> Void) {
        state.withLock { change(&$0) }
        wake.withLock { $0 }?()
    }

    public var spool: UniqueID { base.spool }
    public var run: UniqueID { base.run }
    public var runs: [DaemonRun] { base.runs }
    public func floor(of lane: EventKind) -> SequenceNumber { base.floor(of: lane) }
    public var isDisputed: Bool { base.isDisputed }
    public var server: DatabaseServer? { base.server }
    public var lanes: [LanePosition] { base.lanes }
    public var settled: SequenceNumber { base.settled }
    public var movedDeadLetters: SequenceNumber { base.movedDeadLetters }

    public func committed(_ lanes: [LanePosition], settled: SequenceNumber) {
        base.committed(lanes, settled: settled)
        note { $0.moved(LedgerSample(lanes, settled: settled, rows: rows)) }
    }

    public func rewind(_ lanes: [LanePosition], settled: SequenceNumber) throws {
        try base.rewind(lanes, settled: settled)
        note { $0.rewound(LedgerSample(lanes, settled: settled, rows: rows)) }
    }

    public func fork(counted: [EventKind: SequenceNumber]) throws {
        try base.fork(counted: counted)
        note { $0.forked(LedgerSample(base.lanes, settled: base.settled, rows: rows), counted) }
    }

    public var acceptedGaps: [LaneGap] { base.acceptedGaps }
    public func accept(_ gaps: [LaneGap]) throws { try base.accept(gaps) }

    public func dispute(_ isDisputed: Bool) throws { try base.dispute(isDisputed) }
    public func note(_ server: DatabaseServer) throws { try base.note(server) }

    public func compared(_ rows: [LanePosition], isAccepted: Bool) throws {
        note { isAccepted ? $0.accepted(rows, counted: self.rows) : $0.found(rows) }
        try base.compared(rows, isAccepted: isAccepted)
    }

    public func movedDeadLetters(upTo sequence: SequenceNumber) {
        base.movedDeadLetters(upTo: sequence)
        note { $0.movedLetters(upTo: sequence, counted: letters()) }
    }
}
