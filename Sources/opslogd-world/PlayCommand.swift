import ArgumentParser
import Glibc
import SimulatedWorld

struct PlayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "play", abstract: "Plays schedules, each from its seed, and checks the books.",
        discussion:
            "The first one that breaks a promise is shortened and printed, with the command that repeats it; exit 1.")

    @Option(help: "The first seed.") var seed: UInt64 = 1
    @Option(help: "How many schedules.") var count: UInt64 = 1
    @Option(help: "How many actions a schedule has.") var length = 250
    @Option(help: "Only these actions of the seed's, by number, with commas.") var only: String?
    @Flag(help: "Print each action, and all that the daemon says.") var trace = false
    @Flag(help: "Print the digest of each schedule.") var digests = false

    func run() throws {
        let kept = only?.split(separator: ",").compactMap { Int($0) }
        @Sendable func say(_ text: String) { print(text) }
        var digest: UInt64 = 0
        for seed in seed..<seed + count {
            let schedule = Schedule(seed: seed, length: length, keeping: kept)
            do {
                let own = try schedule.play(trace: trace ? say : nil)
                if digests { print("seed \(seed): digest \(String(own, radix: 16))") }
                digest = digest &* 31 &+ own
            } catch {
                print("seed \(seed): \(error)")
                let short = kept == nil ? schedule.shortened() : schedule
                for (number, action) in zip(short.kept, short.actions) { print("  \(number): \(action)") }
                do {
                    try short.play()
                } catch {
                    print("shortened to \(short.actions.count) actions: \(error)")
                }
                let numbers = short.kept.map(String.init).joined(separator: ",")
                print("again: opslogd-world play --seed \(seed) --length \(length) --only \(numbers)")
                throw ExitCode(1)
            }
        }
        print("\(count) schedules from seed \(seed): every promise kept; digest \(String(digest, radix: 16))")
    }
}
