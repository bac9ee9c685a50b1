/// How far each consumer of the spool has got: the spool's cursor, as its consumers see it.
///
/// It may lag the database and the dead letters, never lead them. Space is freed only below what is durable in it.
public protocol DeliveryLedger: AnyObject, Sendable {
    /// The spool's name, and this run of the daemon.
    var spool: UniqueID { get }
    var run: UniqueID { get }
    /// Every run that this spool has had, this one included, oldest first.
    var runs: [UniqueID] { get }

    /// What the database's position rows were last known to say, by lane; position 0 for a lane never delivered.
    var lanes: [LanePosition] { get }
    /// Every record up to here has its fate in every lane, whether or not a lane's own row says so: a lane without
    /// records in a range does not move its row.
    var settled: SequenceNumber { get }
    /// Takes note of positions that the database has committed. Durable soon, and before any space is freed for them.
    func committed(_ lanes: [LanePosition], settled: SequenceNumber)

    /// Every rejected line up to here stands in the dead letters.
    var movedDeadLetters: SequenceNumber { get }
    /// Takes note of rejected lines that stand in the dead letters, synced.
    func movedDeadLetters(upTo sequence: SequenceNumber)
}
