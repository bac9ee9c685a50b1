import SimulatedWorld
import Testing

@Test(arguments: 0..<4)
func `no schedule of faults, crashes and stops loses, repeats or alters a line`(shard: UInt64) {
    for seed in shard * 10_000..<shard * 10_000 + 25 {
        #expect(throws: Never.self, "seed \(seed)") { try Schedule(seed: seed).play() }
    }
}

/// Beyond those that continuous integration plays.
@Test(
    arguments: [
        78_356, 98_598, 101_899, 109_108, 109_731, 117_425, 155_615, 159_563, 535_683, 552_967, 582_589, 592_145,
        592_633,
        606_469,
        616_297, 618_227,
    ] as [UInt64])
func `a schedule that once broke a promise keeps it`(seed: UInt64) {
    #expect(throws: Never.self) { try Schedule(seed: seed).play() }
}

@Test func `a seed has the same course each time, and another seed another`() throws {
    // Files, damage, and both: another dictionary with the same keys has them in another order, in one process too.
    for seed: UInt64 in 1...8 {
        let first = try Schedule(seed: seed).play()
        #expect(try Schedule(seed: seed).play() == first, "seed \(seed)")
        #expect(try Schedule(seed: seed + 8).play() != first)
    }
}

@Test func `a schedule is shortened to the actions that a failure needs`() {
    let schedule = Schedule(seed: 3)
    func count(_ schedule: Schedule, _ isIt: (Action) -> Bool) -> Int { schedule.actions.count(where: isIt) }
    func isWrite(_ action: Action) -> Bool { if case .write = action { true } else { false } }
    let short = schedule.shortened { count($0, isWrite) >= 3 && $0.actions.contains(.stopAndStart) }
    #expect(short.actions.count == 4)
    #expect(count(short, isWrite) == 3 && short.actions.contains(.stopAndStart))
    // What is kept is named by its numbers, and they give the same actions again.
    #expect(Schedule(seed: 3, keeping: short.kept).actions == short.actions)
}
