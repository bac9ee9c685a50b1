import ArgumentParser
import Glibc
import LinuxSystem
import PrivatePostgreSQL

struct SpoolBenchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "spool",
        abstract: "File to spool, synced, with the database away; then memory with that backlog, and the start with it."
    )

    @Option(help: "Events.") var count = 1_000_000
    @Option(help: "Runs; medians count.") var runs = 3
    @Option(help: "The processor that the daemon is held to; -1: none.") var processor = 0

    func run() throws {
        let place = try BenchPlace()
        defer { place.remove() }
        try place.server.start()
        try EventFile.write(count: count, to: place.events)
        var rates: [Double] = []
        for run in 1...runs {
            try place.makeFresh()
            place.server.stop()
            let clock = SystemTime()
            let start = clock.monotonicNanoseconds()
            let daemon = try place.startDaemon(readingEvents: true, batchEvents: 20_000, processor: processor)
            try DaemonStatus.wait(place.state, seconds: 600) { $0.hasTaken(count) }
            let seconds = Double(clock.monotonicNanoseconds() - start) / 1e9
            let cpu = daemon.cpuSeconds
            let resident = daemon.memoryMebibytes("VmRSS")
            daemon.stop()
            let restart = clock.monotonicNanoseconds()
            let again = try place.startDaemon(readingEvents: true, batchEvents: 20_000, processor: processor)
            try DaemonStatus.wait(place.state, seconds: 60) { $0.hasTaken(count) }
            let startSeconds = Double(clock.monotonicNanoseconds() - restart) / 1e9
            let backlog = again.memoryMebibytes("VmRSS")
            again.stop()
            rates.append(Double(count) / seconds)
            print(
                "run \(run): \(Figures.rounded(Double(count) / seconds, 0)) lines/s, \(Figures.rounded(cpu)) CPU s, RSS "
                    + "\(Figures.rounded(resident, 1)) MiB; started again with the backlog in \(Figures.rounded(startSeconds)) s, RSS "
                    + "\(Figures.rounded(backlog, 1)) MiB")
            try place.server.start()
        }
        print(
            "spool: \(count) events, database away: \(Figures.rounded(Figures.median(rates), 0)) lines/s (median of \(runs))"
        )
    }
}
