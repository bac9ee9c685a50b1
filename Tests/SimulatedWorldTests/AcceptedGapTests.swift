import Delivery
import OperationLogs
import Spool
import Testing

@testable import SimulatedWorld

/// A database that is restored from a backup older than what is kept.
@Suite struct AcceptedGapTests {
    /// Lines of a client become rows.
    private static func delivering(_ rounds: Int) -> [Action] {
        let round: [Action] = [
            .write(source: 0, lines: 60), .read(source: 0, bytes: 20_000), .spool(turns: 10), .move,
            .deliver(steps: 100),
            // The cursor is written, and what failed is tried again.
            .wait(milliseconds: 999), .spool(turns: 10), .answer, .deliver(steps: 100),
        ]
        return (0..<rounds).flatMap { _ in round }
    }

    /// A world whose database has been restored so far back that delivery waits and says so. There is an older backup, too.
    private func waiting() throws -> World {
        // Of its circumstances only one counts here: the operator accepts gaps.
        let world = World(seed: 12)
        #expect(world.circumstances.acceptsGaps)
        let course = Self.delivering(2) + [.backUp] + Self.delivering(2) + [.backUp] + Self.delivering(16)
        for action in course { try world.take(action) }
        let last = try #require(world.database.state.positions.values.map(\.position).max())
        let first = try #require(world.daemon?.writer.status.first)
        #expect(first > SequenceNumber(300) && last > first)
        for action in [.restore(age: 0, intoNewCluster: false)] + Self.delivering(2) { try world.take(action) }
        #expect(
            world.daemon?.deliveryState.contains("opslogd spool accept-gap") == true, "\(world.daemon?.state ?? "")")
        return world
    }

    @Test func `once it was accepted, exactly the records that were named are missing`() throws {
        let world = try waiting()
        let gaps = try #require(world.daemon?.gap)
        let before = world.database.state.tables
        try world.acceptGap()
        try world.take(.deliver(steps: 1000))
        #expect(world.daemon?.writer.acceptedGaps == gaps)
        try world.end()
        #expect(world.database.state.tables != before)
        for kind in EventKind.allCases where kind != .pipelineWatermarks {
            let lines = world.entries.enumerated().filter {
                $0.element.kind == kind.rawValue && !$0.element.line.isRefused
            }
            let missing = lines.filter { entry in
                gaps.contains {
                    $0.lane == kind && ($0.first.rawValue...$0.last.rawValue).contains(UInt64(entry.offset + 1))
                }
            }
            #expect(!missing.isEmpty)
            #expect(world.database.state.tables[kind]?.count == lines.count - missing.count)
        }
    }

    @Test(arguments: 0..<12)
    func `a crash at any step of it leads to the same end`(steps: Int) throws {
        let world = try waiting()
        let gaps = try #require(world.daemon?.gap)
        try world.orderGap()
        for _ in 0..<steps { try world.take(.deliver(steps: 1)) }
        try world.take(.powerCut(share: steps % 5 * 25, seed: UInt64(steps)))
        try world.take(.deliver(steps: 5))
        try world.end()
        #expect(world.daemon?.writer.acceptedGaps.count == gaps.count)
    }

    @Test func `an even older backup lacks more, and that has to be accepted by itself`() throws {
        let world = try waiting()
        let gaps = try #require(world.daemon?.gap)
        try world.acceptGap()
        for action in Self.delivering(4) { try world.take(action) }
        #expect(world.daemon?.gap.isEmpty == true && world.daemon?.writer.acceptedGaps == gaps)
        for action in [.restore(age: 1, intoNewCluster: false)] + Self.delivering(2) { try world.take(action) }
        let tables = world.database.state.tables
        let more = try #require(world.daemon?.gap)
        #expect(!more.isEmpty)
        #expect(more.allSatisfy { gap in gaps.contains { $0.lane == gap.lane && gap.first < $0.first } })
        for action in Self.delivering(2) { try world.take(action) }
        #expect(world.database.state.tables == tables && world.daemon?.writer.acceptedGaps == gaps)
        try world.end()
        #expect(world.daemon?.writer.acceptedGaps.count == gaps.count + more.count)
    }
}
