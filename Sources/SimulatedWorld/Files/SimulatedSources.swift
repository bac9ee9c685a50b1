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

    init(time: SimulatedTime, _ circumstances: Circumstances) {
        self.time = time
        let disk = SourceDisk(time: time, directories: ["", "/log", "/log/old"])
        let areRotatedWanted = circumstances.areRotatedWanted
        let accounts = FileAccounts(of: disk, seesRotations: !areRotatedWanted) { directory, name in
            directory == "/log" && (areRotatedWanted || name.hasSuffix(".log"))
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
            name: Self.input, paths: [areRotatedWanted ? "/log/*.log*" : "/log/*.log"], rotated: ["/log/old"],
            maxLineBytes: 4096, maxOpenFiles: circumstances.keepsFewOpen ? 1 : 256, maxFutureMicroseconds: .max / 2,
            dialect: SimulatedLine.dialect)
        var limits = FileInputLimits()
        limits.readBytes = 1024
        limits.windowBytes = 16 << 10
        limits.graceMilliseconds = 20_000
        limits.retryMilliseconds = 2000
        if !circumstances.canWatch { limits.maxWatches = 0 }
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
