import OperationLogs

/// Who a spool is: the content of its identity file, as text with a checksum a line.
struct SpoolIdentity: Equatable, Sendable {
    /// The name that it was made with: of its files, and of the numbering of its records.
    var spool: UniqueID
    var host: SpoolHost
    var runs: [SpoolRun] = []
    var forks: [SpoolFork] = []
    var isDisputed = false
    /// The server that was delivered to last.
    var server: DatabaseServer?
    var gaps: [SpoolGap] = []
    var accepted: [AcceptedGap] = []

    /// Under which its position rows stand in the database.
    var name: UniqueID { forks.last?.name ?? spool }

    /// Records of a lane up to here never go under its present name.
    func floor(of lane: EventKind) -> SequenceNumber { forks.last?.counted[Int(lane.rawValue) - 1] ?? .zero }

    /// A cursor that was written under a name of before, as it counts under the present one; nil if it is not of this
    /// spool.
    func following(_ slot: CursorSlot) -> CursorSlot? {
        if slot.spool == name { return slot }
        guard slot.spool == spool || forks.contains(where: { $0.name == slot.spool }) else { return nil }
        var slot = slot
        slot.spool = name
        slot.settled = max(slot.settled, forks.last?.counted.min() ?? .zero)
        slot.lanes = slot.lanes.map { LanePosition(lane: $0.lane, position: .zero, origin: nil) }
        return slot
    }

    mutating func take(_ entry: IdentityEntry) {
        switch entry {
        case .run(let run): runs.append(run)
        case .host(let host): self.host = host
        case .fork(let fork):
            forks.append(fork)
            isDisputed = false
        case .dispute(let isDisputed, _): self.isDisputed = isDisputed
        case .server(let server, _): self.server = server
        case .gap(let gap): gaps.append(gap)
        case .accepted(let gap): accepted.append(gap)
        }
    }

    enum Reading: Equatable {
        /// - `goodBytes`: behind them stands a torn line, if the file is longer.
        case valid(SpoolIdentity, goodBytes: Int)
        case unknownVersion(String)
        case damaged(offset: Int)
    }

    private static let version = "opslogd-spool 1"

    /// The lines that are written once.
    var head: [String] {
        [
            Self.version, "spool \(spool)", "machine \(host.machine)",
            "directory \(host.directoryInode) \(host.directoryBirthNanoseconds)",
        ]
    }

    static func read(_ bytes: [UInt8]) -> Reading {
        let (contents, goodBytes, isDamaged) = ChecksummedLine.all(bytes)
        if let first = contents.first, first != version { return .unknownVersion(first) }
        guard let identity = SpoolIdentity(contents), !isDamaged else { return .damaged(offset: goodBytes) }
        return .valid(identity, goodBytes: goodBytes)
    }

    private init?(_ contents: [String]) {
        let words = contents.map { $0.split(separator: " ", omittingEmptySubsequences: false) }
        guard words.count >= 4, words[1].count == 2, words[1][0] == "spool", let spool = UniqueID(words[1][1]),
            words[2].count == 2, words[2][0] == "machine", words[3].count == 3, words[3][0] == "directory",
            let inode = UInt64(words[3][1]), let birth = Int64(words[3][2])
        else { return nil }
        self.spool = spool
        host = SpoolHost(machine: String(words[2][1]), directoryInode: inode, directoryBirthNanoseconds: birth)
        for content in contents[4...] {
            guard let entry = IdentityEntry(content) else { return nil }
            take(entry)
        }
    }

    init(spool: UniqueID, host: SpoolHost) {
        self.spool = spool
        self.host = host
    }
}
