import Intake
import LinuxSystem

/// The jobs that write log files, their file system, and the accounts of their lines.
final class SimulatedSources {
    static let input = "f"
    /// The numbers of the jobs, as sources of lines; clients have lower ones.
    static let jobs = 10...11
    let accounts: FileAccounts
    let options: FileInputOptions
    let limits: FileInputLimits
    let meanwhile = Meanwhile()
    private let faults = SimulatedSourceFiles.FaultBoard()
    private let disk: SourceDisk
    private let time: SimulatedTime
    private let jobs: [Int: SimulatedJob]
    private var files: SimulatedSourceFiles?
    private var compared = (count: -1, areAll: false)

    /// - Parameter kind: chooses whether rotated files are under the patterns too, and whether directories can be watched.
    init(time: SimulatedTime, kind: UInt64) {
        self.time = time
        let seesRotations = kind % 2 == 1
        let disk = SourceDisk(time: time, directories: ["", "/log", "/log/old"])
        let accounts = FileAccounts(of: disk, seesRotations: seesRotations) { directory, name in
            directory == "/log" && (!seesRotations || name.hasSuffix(".log"))
        }
        self.disk = disk
        self.accounts = accounts
        jobs = Dictionary(
            uniqueKeysWithValues: Self.jobs.map {
                (
                    $0,
                    SimulatedJob(
                        source: $0, path: "/log/\($0).log", elsewhere: "/log/old", on: disk, accounts: accounts)
                )
            })
        options = FileInputOptions(
            name: Self.input, paths: [seesRotations ? "/log/*.log" : "/log/*.log*"], rotated: ["/log/old"],
            maxLineBytes: 4096, maxFutureMicroseconds: .max / 2)
        var limits = FileInputLimits()
        limits.readBytes = 1024
        limits.windowBytes = 16 << 10
        limits.graceMilliseconds = 20_000
        limits.retryMilliseconds = 2000
        if kind % 16 >= 14 { limits.maxWatches = 0 }
        self.limits = limits
    }

    func perform(_ action: JobAction, by source: Int) { jobs[source]?.perform(action) }

    func plan(_ action: JobAction, by source: Int, after calls: Int) {
        meanwhile.plan(after: calls) { [weak self] in self?.perform(action, by: source) }
    }

    /// Before time passes in which a line would be taken for ended, or a copy for a file of its own.
    func hurry() {
        for source in Self.jobs { jobs[source]?.hurry() }
    }

    func fail(_ rule: SourceFaults.Rule) { faults.faults = SourceFaults(rule, time: time) }

    func crowdEvents(room: Int) { disk.watches?.crowd(room: room) }

    /// No faults any more, and nothing left half done.
    func calm() {
        faults.faults = nil
        meanwhile.happen()
        hurry()
        disk.watches?.crowd(room: .max)
    }

    /// Whether all that is owed is among the entries.
    func areAll(in entries: [Books.Entry]) -> Bool {
        if entries.count != compared.count { compared = (entries.count, missing(from: entries).isEmpty) }
        return compared.areAll
    }

    func missing(from entries: [Books.Entry]) -> [String] {
        accounts.missing(from: Set(entries.lazy.map(\.line))).map(\.name)
    }

    /// Whether there is something for which the files' thread waits.
    var wakesTailer: Bool {
        guard let watches = disk.watches else { return false }
        return watches.hasEvents || watches.restsUntil.map { time.monotonicNanoseconds() >= $0 } ?? false
    }

    // MARK: The daemon

    /// What a new run of the daemon sees.
    func startProcess() -> SimulatedSourceFiles {
        let made = SimulatedSourceFiles(disk, time: time, meanwhile: meanwhile, faults: faults)
        files = made
        return made
    }

    func processEnded() {
        accounts.processEnds { files?.end() }
        files = nil
    }

    func reboot() { disk.reboot() }
}
