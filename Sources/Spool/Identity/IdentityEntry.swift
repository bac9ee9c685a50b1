import OperationLogs

/// A start of the daemon on this spool.
public struct SpoolRun: Sendable, Hashable {
    public var id: UniqueID
    /// The number that its first record has, or would have.
    public var firstSequence: SequenceNumber
    /// When it began.
    public var time: String
}

/// A name under which the spool is delivered from then on, since another history has the one before.
struct SpoolFork: Sendable, Hashable {
    var name: UniqueID
    var time: String
    /// By lane, in the order of the kinds: records up to here never go under this name. They were delivered before, are
    /// the other history's to deliver, or were discarded.
    var counted: [SequenceNumber]
}

/// Records that the operator has given up, since a restored database lacks them and they are no longer kept.
public struct AcceptedGap: Sendable, Hashable {
    /// Of the lanes that lack any, in the order of the kinds.
    public var gaps: [LaneGap]
    /// When.
    public var time: String
}

/// A line that is appended to the identity file.
enum IdentityEntry: Sendable, Hashable {
    case run(SpoolRun)
    /// Where the spool lives from now on: the operator's word.
    case host(SpoolHost)
    case fork(SpoolFork)
    /// Whether it cannot be decided which records the database has of this spool, and which of another history.
    case dispute(Bool, time: String)
    /// The server that is delivered to from then on.
    case server(DatabaseServer, time: String)
    /// The spool goes on without segments that are lost: the operator's word.
    case gap(SpoolGap)
    /// Delivery goes on without records that a restored database lacks: the operator's word.
    case accepted(AcceptedGap)

    var content: String {
        switch self {
        case .run(let run): "run \(run.id) \(run.firstSequence) \(run.time)"
        case .host(let host): "host \(host.machine) \(host.directoryInode) \(host.directoryBirthNanoseconds)"
        case .fork(let fork):
            "fork \(fork.name) \(fork.time) " + fork.counted.map { "\($0.rawValue)" }.joined(separator: " ")
        case .dispute(let isDisputed, let time): "\(isDisputed ? "disputed" : "undisputed") \(time)"
        case .server(let server, let time): "server \(server.systemIdentifier) \(server.timeline) \(time)"
        case .gap(let gap):
            "gap \(gap.first.rawValue) \(gap.known.rawValue) \(gap.next.rawValue) \(gap.time)"
        case .accepted(let accepted):
            "accepted \(accepted.time) "
                + accepted.gaps.map { "\($0.lane.name) \($0.first.rawValue) \($0.last.rawValue) \($0.end.rawValue)" }
                .joined(separator: " ")
        }
    }

    init?(_ content: String) {
        let words = content.split(separator: " ", omittingEmptySubsequences: false)
        switch (words[0], words.count) {
        case ("run", 4):
            guard let id = UniqueID(words[1]), let first = UInt64(words[2]) else { return nil }
            self = .run(SpoolRun(id: id, firstSequence: SequenceNumber(first), time: String(words[3])))
        case ("host", 4):
            guard let inode = UInt64(words[2]), let birth = Int64(words[3]) else { return nil }
            self = .host(
                SpoolHost(machine: String(words[1]), directoryInode: inode, directoryBirthNanoseconds: birth))
        case ("fork", 3 + EventKind.allCases.count):
            let counted = words[3...].compactMap { UInt64($0).map { SequenceNumber($0) } }
            guard let name = UniqueID(words[1]), counted.count == EventKind.allCases.count else { return nil }
            self = .fork(SpoolFork(name: name, time: String(words[2]), counted: counted))
        case ("disputed", 2): self = .dispute(true, time: String(words[1]))
        case ("undisputed", 2): self = .dispute(false, time: String(words[1]))
        case ("server", 4):
            guard let identifier = UInt64(words[1]), let timeline = UInt32(words[2]) else { return nil }
            self = .server(
                DatabaseServer(systemIdentifier: identifier, timeline: timeline), time: String(words[3]))
        case ("gap", 5):
            guard let first = UInt64(words[1]), let known = UInt64(words[2]), let next = UInt64(words[3]),
                0 < first, first <= known, known <= next, next <= SequenceNumber.largest.rawValue
            else { return nil }
            self = .gap(
                SpoolGap(
                    first: SequenceNumber(first), known: SequenceNumber(known), next: SequenceNumber(next),
                    time: String(words[4])))
        case ("accepted", 6...):
            guard let gaps = LaneGap.all(words[2...]) else { return nil }
            self = .accepted(AcceptedGap(gaps: gaps, time: String(words[1])))
        default: return nil
        }
    }
}

extension LaneGap {
    /// Four words each; nil if they are none, or not ours.
    fileprivate static func all(_ words: ArraySlice<Substring>) -> [LaneGap]? {
        guard words.count % 4 == 0 else { return nil }
        var gaps: [LaneGap] = []
        for start in stride(from: words.startIndex, to: words.endIndex, by: 4) {
            guard let lane = EventKind(name: String(words[start])), let first = UInt64(words[start + 1]),
                let last = UInt64(words[start + 2]), let end = UInt64(words[start + 3]),
                0 < first, first <= last, last <= end, end <= SequenceNumber.largest.rawValue
            else { return nil }
            gaps.append(
                LaneGap(
                    lane: lane, first: SequenceNumber(first), last: SequenceNumber(last), end: SequenceNumber(end)))
        }
        return gaps
    }
}
