import Glibc
import LinuxSystem
import OperationLogs

/// The kinds of calls by which the daemon looks at its sources' files, each of which can be told to fail.
package enum SourceCall: String, CaseIterable, Sendable {
    case open, identity, names, read, watch, events
    /// A read that gives less than there is, which is no failure.
    case shortRead

    /// As an error names it.
    var systemName: String {
        switch self {
        case .open: "open"
        case .identity: "statx"
        case .names: "readdir"
        case .read, .shortRead: "pread"
        case .watch: "inotify_add_watch"
        case .events: "read"
        }
    }
}

/// Which calls fail: the n-th of one kind, once or for some time.
package struct SourceFaults {
    package struct Rule: Sendable, Hashable {
        package var call: SourceCall
        /// Counted from 1, from the moment at which the rule is set.
        package var nth: Int
        /// An errno.
        package var code: Int32
        /// How long calls fail from then on; 0: that one call only.
        package var milliseconds: Int
        /// Only calls on files of this job.
        package var job: Int?
    }

    static let codes = [EIO, EACCES, EMFILE, ENOMEM]

    private let rule: Rule
    private let time: SimulatedTime
    private var count = 0
    private var struckAt: UInt64?

    init(_ rule: Rule, time: SimulatedTime) {
        self.rule = rule
        self.time = time
    }

    /// Counts a call.
    ///
    /// - Returns: whether it fails.
    mutating func strikes(_ call: SourceCall, _ path: String) -> Bool {
        guard rule.call == call else { return false }
        if let job = rule.job, !path.contains("/\(job).log") { return false }
        count += 1
        guard let struckAt else {
            guard count == rule.nth else { return false }
            struckAt = time.monotonicNanoseconds()
            return true
        }
        return time.monotonicNanoseconds() < struckAt + UInt64(rule.milliseconds) * 1_000_000
    }

    func error(_ path: String) -> SystemError {
        SystemError(call: rule.call.systemName, subject: path, code: rule.code)
    }
}

extension SourceFaults.Rule {
    static func draw(_ random: inout SplitMix64) -> SourceFaults.Rule {
        func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
        return SourceFaults.Rule(
            call: SourceCall.allCases[number(0...SourceCall.allCases.count - 1)],
            nth: [1, 1, 2, 3, 4, 6, 10, 20][number(0...7)], code: SourceFaults.codes[number(0...3)],
            milliseconds: [0, 0, 500, 3000, 30_000][number(0...4)],
            job: number(0...2) == 0 ? number(SimulatedSources.jobs) : nil)
    }
}
