/// How far each consumer of the spool has got: the spool's cursor, as its consumers see it.
///
/// It may lag the database and the dead letters, never lead them. Space is freed only below what is durable in it.
public protocol DeliveryLedger: AnyObject, Sendable {
    /// The name under which the spool's position rows stand; another one after `fork`.
    var spool: UniqueID { get }
    /// This run of the daemon.
    var run: UniqueID { get }
    /// Every run that this spool has had, this one included, oldest first.
    var runs: [DaemonRun] { get }
    /// Records of a lane up to here never go under the present name: they were delivered under another one, are another
    /// history's, or were discarded.
    func floor(of lane: EventKind) -> SequenceNumber
    /// Whether it was found before that nobody can tell which records the database has of this spool.
    var isDisputed: Bool { get }
    /// The server that was delivered to last; nil before the first, and where its role may not ask who it is.
    var server: DatabaseServer? { get }

    /// What the database's position rows were last known to say, by lane; position 0 for a lane never delivered.
    var lanes: [LanePosition] { get }
    /// Every record up to here has its fate in every lane, whether or not a lane's own row says so: a lane without
    /// records in a range does not move its row.
    var settled: SequenceNumber { get }
    /// Takes note of positions that the database has committed. Durable soon, and before any space is freed for them.
    func committed(_ lanes: [LanePosition], settled: SequenceNumber)

    /// The database was set back: its rows are there now. Durable when this returns, and from then on nothing behind
    /// `settled` is freed.
    ///
    /// - Throws: if records behind `settled` are no longer kept, or the disk fails.
    func rewind(_ lanes: [LanePosition], settled: SequenceNumber) throws
    /// The spool goes on under a new name, `spool`, in which no lane has a row. Records up to the position given for
    /// each lane never go under it. Durable when this returns.
    func fork(counted: [EventKind: SequenceNumber]) throws
    /// Keeps in mind, beyond this run, whether the database's history cannot be told from this spool's. Durable when
    /// this returns.
    func dispute(_ isDisputed: Bool) throws
    /// Keeps in mind, beyond this run, which server is delivered to from now on. Durable when this returns.
    func note(_ server: DatabaseServer) throws

    /// What the operator has given up, the oldest word first.
    var acceptedGaps: [LaneGap] { get }
    /// The operator has given these records up, of all lanes together. Durable when this returns.
    ///
    /// - Throws: if more than that is no longer kept, or the disk fails.
    func accept(_ gaps: [LaneGap]) throws

    /// What the database's rows say was compared with this spool.
    ///
    /// - Parameters:
    ///   - rows: under the present name; none if they were just made.
    ///   - isAccepted: whether delivery goes on from them; nothing was delivered by this run before the first time.
    /// - Throws: if what follows from it cannot be kept.
    func compared(_ rows: [LanePosition], isAccepted: Bool) throws

    /// Every rejected line up to here stands in the dead letters.
    var movedDeadLetters: SequenceNumber { get }
    /// Takes note of rejected lines that stand in the dead letters, synced.
    func movedDeadLetters(upTo sequence: SequenceNumber)
}

extension DeliveryLedger {
    /// Of a ledger on which nothing depends.
    public func compared(_ rows: [LanePosition], isAccepted: Bool) {}
}

extension DeliveryLedger {
    /// Every record of a lane up to here has its fate, if the lane's row stands at `position`.
    public func passed(_ lane: EventKind, from position: SequenceNumber) -> SequenceNumber {
        acceptedGaps.passed(lane, from: max(position, floor(of: lane)))
    }
}
