import ArgumentParser
import Glibc
import LinuxSystem
import PostgreSQL
import PrivatePostgreSQL

struct DrainBenchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "File to committed rows, beside COPY of the same rows in equal batches in the same run.")

    @Option(help: "Events.") var count = 1_000_000
    @Option(help: "Events a batch, of both.") var batch = 20_000
    @Option(help: "Runs of each, in turn; medians count.") var runs = 3

    func run() throws {
        let place = try BenchPlace()
        defer { place.remove() }
        try place.server.start()
        try EventFile.write(count: count, to: place.events)
        let ready = try ReadyBatches(file: place.events, size: batch)
        var copies: [Double] = []
        var drains: [Double] = []
        for run in 1...runs {
            let copy = try measureCopy(ready, place)
            let drain = try DrainRun.measure(place, count: count, batch: batch)
            copies.append(Double(count) / copy)
            drains.append(Double(count) / drain.seconds)
            print(
                "run \(run): COPY \(Figures.rounded(Double(count) / copy, 0)) events/s; opslogd "
                    + "\(Figures.rounded(Double(count) / drain.seconds, 0)) events/s, \(Figures.rounded(drain.cpu)) CPU s, "
                    + "peak RSS \(Figures.rounded(drain.peakMebibytes, 1)) MiB; ratio \(Figures.rounded(copy / drain.seconds))"
            )
        }
        print(
            "drain: \(count) events, batches of \(batch): COPY \(Figures.rounded(Figures.median(copies), 0)) events/s, opslogd "
                + "\(Figures.rounded(Figures.median(drains), 0)) events/s, ratio "
                + "\(Figures.rounded(Figures.median(drains) / Figures.median(copies)))")
    }

    /// Seconds from the first byte sent to the last commit.
    private func measureCopy(_ ready: ReadyBatches, _ place: BenchPlace) throws -> Double {
        try place.makeFresh()
        let session = try LibpqSession(conninfo: place.server.conninfo)
        _ = try session.connect()
        defer { session.disconnect() }
        return try Stopwatch.seconds { try ready.send(through: session) }
    }
}

enum Stopwatch {
    static func seconds(_ body: () throws -> Void) rethrows -> Double {
        let clock = SystemTime()
        let start = clock.monotonicNanoseconds()
        try body()
        return Double(clock.monotonicNanoseconds() - start) / 1e9
    }
}
