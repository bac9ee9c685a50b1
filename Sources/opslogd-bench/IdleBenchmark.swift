import ArgumentParser
import Glibc
import LinuxSystem
import PrivatePostgreSQL

struct IdleBenchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "idle", abstract: "Processor time and memory of a daemon that has nothing to do.")

    @Option(help: "How long to look.") var seconds = 60

    func run() throws {
        let place = try BenchPlace()
        defer { place.remove() }
        try place.server.start()
        try place.makeFresh()
        let daemon = try place.startDaemon(readingEvents: false, batchEvents: 20_000)
        defer { daemon.stop() }
        try DaemonStatus.wait(place.state, seconds: 30) { $0.isDrained(of: 0) }
        sleep(3)
        let before = daemon.cpuSeconds
        sleep(UInt32(seconds))
        let used = daemon.cpuSeconds - before
        print(
            "idle: \(Figures.rounded(used * 1000 / Double(seconds), 3)) ms of a core a second "
                + "(\(Figures.rounded(100 * used / Double(seconds), 3)) %) over \(seconds) s, RSS "
                + "\(Figures.rounded(daemon.memoryMebibytes("VmRSS"), 1)) MiB")
    }
}
