import Glibc
import SimulatedWorld
import Testing

/// The whole sweep takes minutes: `Tests/scripts/world.py` tries a part of it in a release build.
struct FaultSweepTests {
    @Test(arguments: 0..<FaultScenario.all.count)
    func `a scenario keeps every promise without a fault`(number: Int) throws {
        #expect(try !FaultScenario.all[number].play(nil), "no fault, and something struck")
    }

    @Test(arguments: StorageCall.allCases)
    func `the first call of each kind fails, and nothing is lost or there twice`(call: StorageCall) throws {
        let rule = CallFaults.Rule(call: call, nth: 1, code: EIO, isForGood: false, torn: .half)
        // An empty spool has none to free, and no file to cut.
        let name = [StorageCall.remove: "a spool that is full", .truncate: "torn ends"][call] ?? "an empty spool"
        let scenario = try #require(FaultScenario.all.first { $0.name.contains(name) })
        #expect(try scenario.play(rule), "the fault has struck")
    }

    @Test func `a sweep counts the faults that have struck, and goes on until none does`() {
        let outcome = FaultSweep(scenarios: [FaultScenario.all[0]], calls: [.directory], every: 1, shard: (0, 14))
            .play()
        #expect(outcome.broken.isEmpty)
        #expect(outcome.faults[.directory] ?? 0 > 3)
    }

    @Test func `a rule names its call, its number and its error`() {
        let rule = CallFaults.Rule(call: .openWriting, nth: 3, code: ENOSPC, isForGood: true)
        #expect(rule.description == "open for writing, from call 3 on: ENOSPC")
    }
}
