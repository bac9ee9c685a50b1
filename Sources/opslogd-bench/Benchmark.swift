import ArgumentParser

/// The figures of opslogd, each beside the physical limit that it is measured against, in one run: machines drift, so
/// only the ratios mean something.
@main
struct Benchmark: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "opslogd-bench",
        abstract: "Measures opslogd against PostgreSQL's COPY and the disk.",
        subcommands: [
            GenerateCommand.self, DrainBenchmark.self, ObstaclesBenchmark.self, SpoolBenchmark.self,
            SocketBenchmark.self, ParseBenchmark.self,
            TailBenchmark.self,
            IdleBenchmark.self,
        ])
}
