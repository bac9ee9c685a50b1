import ArgumentParser
import Glibc
import SimulatedWorld

struct FaultsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "faults",
        abstract: "The N-th call of each kind at the storage seam fails, for every N, in whole scenarios.",
        discussion: "What breaks a promise is printed, with the fault; exit 1.")

    @Option(help: "Only every so-many-th N, another one for each error.") var every = 1
    @Option(help: "Which share of the work, from 0.") var shard = 0
    @Option(help: "How many shares there are.") var shards = 1
    @Option(help: "Ends behind so many broken promises.") var limit = 1
    @Option(help: "Only the scenarios whose names hold this.") var scenario: String?
    @Flag(help: "Prints each fault before it happens.") var verbose = false

    func validate() throws {
        guard every > 0, shard >= 0, shard < shards else {
            throw ValidationError("--every must be above 0, and --shard from 0 to one less than --shards.")
        }
    }

    func run() throws {
        let scenarios = FaultScenario.all.filter { one in scenario.map { one.name.contains($0) } ?? true }
        let sweep = FaultSweep(scenarios: scenarios, every: every, shard: (shard, shards))
        let outcome = sweep.play(upTo: limit) { one in
            if verbose {
                print(one)
                fflush(nil)
            }
        }
        for (one, promise) in outcome.broken { print("\(one)\n  \(promise)") }
        if !outcome.broken.isEmpty { throw ExitCode(1) }
        let counts = StorageCall.allCases.map { "\(outcome.faults[$0] ?? 0) \($0.rawValue)" }.joined(separator: ", ")
        let total = outcome.faults.values.reduce(0, +)
        print("\(scenarios.count) scenarios, \(total) faults: every promise kept (\(counts))")
    }
}
