import ArgumentParser
import SimulatedWorld

struct ExhaustCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exhaust",
        abstract: "Every small workload of the spool, every crash point, every subset of unsynced pages.")

    @Option(help: "The longest workload, in operations.") var operations = 4

    func run() throws {
        var workloads = 0
        var states = 0
        for length in 0...operations {
            for workload in SmallWorkload.all(ofLength: length) {
                states += try workload.crashEverywhere()
                workloads += 1
            }
        }
        print(
            "\(workloads) workloads of up to \(operations) operations, \(states) states after a crash: every promise kept"
        )
    }
}
