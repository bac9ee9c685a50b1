import ArgumentParser
import LinuxSystem
import OperationLogs
import PostgreSQL
import PrivatePostgreSQL

struct ObstaclesBenchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "obstacles",
        abstract:
            "File to committed rows through PgBouncer, over a long way, with refused rows, and with more connections, beside the plain run."
    )

    @Option(help: "Events.") var count = 300_000
    @Option(help: "Events a batch.") var batch = 20_000
    @Option(help: "Runs of each, in turn; medians count.") var runs = 3
    @Option(help: "Milliseconds that are added to each round trip.") var latency = 50
    @Option(help: "Of 10,000 rows, how many the database refuses.") var refused = 100
    @Option(
        help:
            "Only these of plain, pgbouncer, latency, refused, two, four, eight, latency-four, latency-eight; plain always."
    )
    var only: [String] = []

    private enum Way: String, CaseIterable {
        case plain, pgbouncer, latency, refused
        /// Connections.
        case two, four, eight
        case latencyFour = "latency-four"
        case latencyEight = "latency-eight"
    }

    func run() throws {
        let place = try BenchPlace()
        defer { place.remove() }
        try place.server.start()
        try EventFile.write(count: count, to: place.events)
        let ways = Way.allCases.filter { $0 == .plain || only.isEmpty || only.contains($0.rawValue) }
        var rates: [Way: [Double]] = [:]
        for run in 1...runs {
            for way in ways {
                let drain = try measure(way, place)
                rates[way, default: []].append(Double(count) / drain.seconds)
                print(
                    "run \(run): \(way.rawValue) \(Figures.rounded(Double(count) / drain.seconds, 0)) events/s, "
                        + "\(Figures.rounded(drain.cpu)) CPU s")
            }
        }
        let plain = Figures.median(rates[.plain] ?? [])
        let ratios = ways.filter { $0 != .plain }.map { way in
            "\(way.rawValue) \(Figures.rounded(Figures.median(rates[way] ?? []) / plain))"
        }
        print(
            "obstacles: \(count) events, batches of \(batch): plain \(Figures.rounded(plain, 0)) events/s; ratios to it: "
                + ratios.joined(separator: ", "))
    }

    private func measure(_ way: Way, _ place: BenchPlace) throws -> DrainRun {
        switch way {
        case .plain: return try DrainRun.measure(place, count: count, batch: batch)
        case .pgbouncer:
            let pooler = try PoolerProcess(server: place.server)
            defer { pooler.stop() }
            return try DrainRun.measure(place, count: count, batch: batch, conninfo: pooler.conninfo)
        case .two: return try DrainRun.measure(place, count: count, batch: batch, connections: 2)
        case .four: return try DrainRun.measure(place, count: count, batch: batch, connections: 4)
        case .eight: return try DrainRun.measure(place, count: count, batch: batch, connections: 8)
        case .latency, .latencyFour, .latencyEight:
            let proxy = try LatencyProxy(
                target: place.server.path + "/.s.PGSQL.5432", directory: place.path + "/far", oneWay: latency * 500)
            return try DrainRun.measure(
                place, count: count, batch: batch, connections: way == .latency ? 1 : way == .latencyFour ? 4 : 8,
                conninfo: "host=\(proxy.directory) user=postgres dbname=postgres")
        case .refused:
            return try DrainRun.measure(place, count: count, batch: batch) {
                // Log times are spread evenly over the microseconds.
                for kind in EventKind.allCases where kind != .pipelineWatermarks {
                    _ = try DirectQuery.rows(
                        """
                        ALTER TABLE operation_logs.\(kind.name) ADD CONSTRAINT chosen
                        CHECK ((extract(epoch FROM log_time) * 1000000)::bigint % 10000 >= \(refused))
                        """, conninfo: place.server.conninfo)
                }
            }
        }
    }
}
