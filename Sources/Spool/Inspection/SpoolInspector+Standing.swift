import LinuxSystem
import OperationLogs

/// Where a spool stands, as far as its own files say: what it is compared by with its records and with the database.
public struct SpoolStanding: Sendable {
    /// The name that it was made with, by which its dead letters know it.
    public var birthName: UniqueID
    /// The name under which its position rows stand.
    public var name: UniqueID
    /// Of every start, oldest first.
    public var runs: [DaemonRun]
    /// By lane: records up to here never go under the present name.
    public var floors: [EventKind: SequenceNumber]
    /// Where each lane's row was last known to be.
    public var positions: [EventKind: LanePosition]
    /// Every record up to here has its fate in every lane.
    public var settled: SequenceNumber
    /// Every rejected line up to here stands in the dead letters.
    public var moved: SequenceNumber
    /// Places that are damaged or missing, and named so.
    public var lostRanges: [LostRange]
}

extension SpoolInspector {
    /// nil where there is no spool yet. The cursor may lag the database and the dead letters, and never leads them: so what is
    /// read of those behind this is no older.
    public func standing() throws(SpoolError) -> SpoolStanding? {
        guard let identity = try IdentityFile.read(disk)?.identity else { return nil }
        let read = try CursorFile<Disk.File>.read(disk)
        let slot = read.flatMap { identity.following($0) ?? $0 }
        var lost: [LostRange] = []
        for name in try Quarantine.names(disk) {
            if let range = LostRange.named(name) { lost.append(range) }
        }
        return SpoolStanding(
            birthName: identity.spool, name: identity.name,
            runs: identity.runs.map { DaemonRun(id: $0.id, firstSequence: $0.firstSequence) },
            floors: Dictionary(uniqueKeysWithValues: EventKind.allCases.map { ($0, identity.floor(of: $0)) }),
            positions: Dictionary(
                (slot?.lanes ?? []).map { ($0.lane, $0) }, uniquingKeysWith: { first, _ in first }),
            settled: slot?.settled ?? .zero, moved: slot?.moved ?? .zero,
            lostRanges: lost.sorted { $0.first < $1.first })
    }

    /// The first record that is still kept, as the names of the segments say; nil without any.
    public func firstKept() throws(SpoolError) -> SequenceNumber? { try firsts().min() }
}
