import LinuxSystem
import OperationLogs

/// The operator's word on a spool whose place or history is in question, given while no daemon runs on it.
///
/// Each word is one line of the identity file, so that a crash leaves it said or not said. Said again, it changes
/// nothing.
public struct SpoolSettlement<Disk: Storage> {
    /// What nobody has delivered yet, as far as the cursor says.
    public struct Undelivered: Sendable, Hashable {
        /// One a lane, in the order of the kinds.
        public var events: [Int]
        /// Of the first and the last of them; nil if there are none.
        public var first: SequenceNumber?
        public var last: SequenceNumber?
        /// The last record of the spool.
        public var end: SequenceNumber

        public var count: Int { events.reduce(0, +) }
    }

    public enum Outcome: Sendable, Hashable {
        /// The spool belongs here, its history is not in question, and nothing was to be done.
        case nothingToDo
        /// The machine or the directory is the spool's now; how the former one differed.
        case hostAccepted(String)
        /// What it goes on with goes under this new name.
        case goesOnAs(UniqueID)
        /// The numbers go on here, without the segments that are missing.
        case goesOnAt(SequenceNumber)
    }

    /// As <doc:SpoolFormat> derives it.
    public static var margin: UInt64 { SpoolGap.margin }

    private let disk: Disk
    private let host: SpoolHost
    private let now: Timestamp
    private var file: IdentityFile<Disk>

    /// - Parameters:
    ///   - disk: `state_directory/spool`; the caller holds its `SpoolLock`.
    ///   - host: this one.
    /// - Returns: nil if there is no spool.
    public init?(_ disk: Disk, host: SpoolHost, now: Timestamp) throws(SpoolError) {
        guard let file = try IdentityFile.read(disk) else { return nil }
        self.disk = disk
        self.host = host
        self.now = now
        self.file = file
    }

    /// Under which its position rows stand.
    public var name: UniqueID { file.identity.name }
    /// Of its files, and of its numbering.
    public var birthName: UniqueID { file.identity.spool }

    /// Segments of which only cursor, runs and dead letters still know.
    public struct Missing: Sendable, Hashable {
        /// The last record that the segments hold.
        public var last: SequenceNumber
        /// What is lost unless it was delivered: from here, up to here as far as is known.
        public var first: SequenceNumber
        public var lastKnown: SequenceNumber
        /// By what that is known.
        public var sign: String
    }

    /// What `adopt` would go on without; nil if nothing is missing at the end, or that was said before. Reads the last
    /// segment.
    ///
    /// - Parameter deadLetter: the last record of this spool of which there is a dead letter.
    public func missing(deadLetter: SequenceNumber = .zero) throws(SpoolError) -> Missing? {
        guard let (found, missing) = try examined(deadLetter) else { return nil }
        return Missing(
            last: SequenceNumber(found.nextSequence.rawValue - 1), first: missing.first,
            lastKnown: SequenceNumber(missing.known.rawValue - 1), sign: missing.sign)
    }

    private func examined(_ deadLetter: SequenceNumber) throws(SpoolError) -> (SpoolRecovery<Disk>, MissingSegments)? {
        let segments = try spooling { () throws(SystemError) in try disk.directory("segments") }
        do {
            let found = try SpoolRecovery.examine(
                disk, segments: segments, host: file.identity.host, deadLetter: deadLetter, isSettling: true,
                makingIdentity: { .zero })
            guard found.gap == nil, let missing = found.missing else { return nil }
            return (found, missing)
        } catch  where error.code == .damaged || error.code == .unknownVersion {
            // A start says so, and does not go on: nothing that is said here keeps it from that.
            return nil
        }
    }

    /// This spool is the one to go on with, here.
    ///
    /// A disputed history is settled by a new name: what the cursor does not know to be delivered goes under it. Segments
    /// that are missing are passed over: the next start goes on with numbers that nobody can have given, and accounts for
    /// the missing ones as lost.
    ///
    /// - Parameters:
    ///   - deadLetter: as of `missing`.
    ///   - margin: how many numbers are passed over beyond all that is known.
    public mutating func adopt(
        deadLetter: SequenceNumber = .zero, margin: UInt64 = SpoolSettlement.margin,
        randomID: () -> UniqueID = UniqueID.random
    ) throws(SpoolError) -> [Outcome] {
        var outcomes: [Outcome] = []
        if let (_, missing) = try examined(deadLetter) {
            let gap = SpoolGap(
                first: missing.first, known: missing.known, next: SequenceNumber(missing.known.rawValue + margin),
                time: now.rfc3339)
            try file.append(.gap(gap))
            outcomes.append(.goesOnAt(gap.next))
        }
        if let difference = try acceptHost() { outcomes.append(.hostAccepted(difference)) }
        if file.identity.isDisputed {
            let cursor = try SpoolInspector(disk).cursor()
            let counted = EventKind.allCases.map { kind in
                max(cursor?.settled ?? .zero, cursor?.lanes.first { $0.lane == kind }?.position ?? .zero)
            }
            outcomes.append(.goesOnAs(try fork(counted, randomID())))
        }
        return outcomes.isEmpty ? [.nothingToDo] : outcomes
    }

    /// Throws away what was not delivered; rejected lines still become dead letters.
    public mutating func discard(
        _ undelivered: Undelivered, randomID: () -> UniqueID = UniqueID.random
    ) throws(SpoolError) -> [Outcome] {
        var outcomes: [Outcome] = []
        // The fork comes first: a crash between the two leaves a spool that no daemon opens, and the word to be said again.
        if undelivered.count > 0 || file.identity.isDisputed {
            let counted = EventKind.allCases.map { _ in undelivered.end }
            outcomes.append(.goesOnAs(try fork(counted, randomID())))
        }
        if let difference = try acceptHost() { outcomes.append(.hostAccepted(difference)) }
        return outcomes.isEmpty ? [.nothingToDo] : outcomes
    }

    /// Whether there is anything to say a word on.
    public var isInQuestion: Bool { file.identity.isDisputed || file.identity.host.difference(from: host) != nil }

    /// Counts what `discard` would throw away. Reads the whole backlog.
    public func undelivered() throws -> Undelivered {
        let inspector = try SpoolInspector(disk)
        let cursor = try inspector.cursor()
        let settled = cursor?.settled ?? .zero
        var found = Undelivered(events: EventKind.allCases.map { _ in 0 }, end: settled)
        try inspector.forEachGroup(from: settled.advanced(by: 1)) { group in
            found.end = max(found.end, group.lastSequence)
            try group.forEachChunk { chunk in
                try chunk.forEachRecord { record in
                    guard let kind = EventKind(rawValue: record.kind), record.sequence > settled,
                        record.sequence > cursor?.lanes.first(where: { $0.lane == kind })?.position ?? .zero
                    else { return }
                    found.events[Int(kind.rawValue) - 1] += 1
                    if found.first == nil { found.first = record.sequence }
                    found.last = record.sequence
                }
            }
            return true
        }
        return found
    }

    private mutating func acceptHost() throws(SpoolError) -> String? {
        guard let difference = file.identity.host.difference(from: host) else { return nil }
        try file.append(.host(host))
        return difference
    }

    private mutating func fork(_ counted: [SequenceNumber], _ name: UniqueID) throws(SpoolError) -> UniqueID {
        try file.append(.fork(SpoolFork(name: name, time: now.rfc3339, counted: counted)))
        return name
    }
}
