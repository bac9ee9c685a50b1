import OperationLogs

extension DeliveryStateMachine {
    /// What the state machine wants done next. One thing at a time; its outcome comes back as an `Event`.
    public enum Action: Sendable, Hashable {
        /// Closes what is open and connects anew: `.connected`.
        case connect
        case execute(Statement)
        /// Gathers a batch: `.gathered`.
        case gather(Turn)
        /// Waits for more durable records, at most that long, and gathers on in the same batch: `.gathered`.
        case gatherMore(milliseconds: Int)
        /// Asks the database what is missing for a lane: `.explained`.
        case explain(EventKind)
        /// Keeps a refused row as a dead letter: `.refusalKept` or `.refusalFailed`.
        case refuse(EventKind, SequenceNumber, ServerError)
        /// Tells the ledger, durably, what was found out about the spool's history: `.recorded` or `.recordFailed`.
        case record(HistoryFinding)
        /// Waits until another connection's step wakes this one: `.woke`. What is left has to wait for it.
        case park
        /// Waits that long: `.woke`. Nothing can be done meanwhile.
        case wait(milliseconds: Int)
        /// Waits until more is durable, at most that long; nil: without end. Then `.woke`. Nothing is left to do.
        case idle(milliseconds: Int?)
    }

    /// What is made durable before anything is sent by it.
    public enum HistoryFinding: Sendable, Hashable {
        /// The database was set back: its rows are there now, and records behind `settled` are to be sent again.
        case rewind([LanePosition], settled: SequenceNumber)
        /// Records up to these positions go under the spool's name of before, if at all; later ones under a new one.
        case fork([EventKind: SequenceNumber])
        /// Records that the database lacks, and that are no longer kept, are given up: the operator's word.
        case gap([LaneGap])
        /// Whether the histories cannot be told apart.
        case dispute(Bool)
        /// Which server is delivered to from now on.
        case server(DatabaseServer)
    }

    /// A step of a transaction.
    public enum Statement: Sendable, Hashable {
        case begin
        /// Locks all position rows and compares them with the spool: `.fenced`.
        case fence
        /// Locks and reads position rows: `.locked`.
        case lock([EventKind])
        case insert([EventKind])
        /// `.changed`
        case own([EventKind])
        case copy(EventKind)
        case upsert
        /// `.changed`
        case move([PositionMove])
        case sendCommit
        /// `.committed`
        case awaitCommit
        case rollback
    }

    public enum Event: Sendable {
        case started
        case connected(ServerIdentity)
        /// The statement was answered without an error.
        case done
        case fenced([FencedRow])
        case locked([PositionRow])
        case changed(Int)
        case committed(CommitAnswer)
        case failed(DatabaseFailure)
        case gathered(BatchSummary)
        case explained(String?)
        case refusalKept
        case refusalFailed(String)
        case recorded
        case recordFailed(String)
        case woke
    }

    /// When an event happens, and what is durable then.
    public struct Moment: Sendable, Hashable {
        /// Monotonic.
        public var milliseconds: UInt64
        public var durable: SequenceNumber

        public init(milliseconds: UInt64, durable: SequenceNumber) {
            self.milliseconds = milliseconds
            self.durable = durable
        }
    }

    /// What the shell is to pass on; nothing comes back of it.
    public enum Effect: Sendable, Hashable {
        case notice(String)
        case warning(String)
        case error(String)
        case attempt(AttemptOutcome)
        /// A batch is in the database.
        case committed(BatchSummary)
        /// For the ledger: the rows from which delivery goes on; none if they were just made.
        case accepted([PositionRow])
        /// For the ledger: lanes that moved, and up to where every record has its fate.
        case ledger([LanePosition], settled: SequenceNumber)
        case databaseUp(Bool)
        /// Given up, and counted so.
        case gapAccepted([LaneGap])
        /// What became of the order that waited for a comparison.
        case answered(OrderOutcome)
        /// A connection that may be parked.
        case wake(Int)
    }

    /// The values of the label `outcome` of `opslogd_delivery_attempts_total`.
    public enum AttemptOutcome: String, Sendable, CaseIterable {
        case committed
        /// Failed for a passing reason.
        case retried
        /// One row, at least, was refused.
        case refused
        /// A table, or everything, waits to be mended.
        case held
        /// The answer to COMMIT was lost.
        case unknown
    }
}
