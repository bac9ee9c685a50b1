import OperationLogs
import SimulatedWorld
import Synchronization
import Testing

@testable import Delivery

/// A restored database lacks records that are no longer kept, and an operator accepts that.
struct AcceptedGapTests {
    private static let lanes: [EventKind] = [.castErrors, .backupLogs]

    private let world = DeliveryWorld()
    /// The state of the database behind the second of ten groups of ten records.
    private let backup: SimulatedDatabase.State

    /// The database was set back, and the first six groups are no longer kept.
    init() throws {
        var backup = SimulatedDatabase.State()
        for group in 0..<10 {
            world.append([(0..<10).map { .event(Self.lanes[$0 % 2], "\(group * 10 + $0)") }])
            try world.run()
            if group == 1 { backup = world.database.state }
        }
        self.backup = backup
        world.database.setBack(to: backup)
        world.spool.forget(groups: 6)
        world.append([[.event(.castErrors, "new"), .event(.backupLogs, "new")]])
    }

    private func gap(_ lane: EventKind, _ first: UInt64, _ last: UInt64) -> LaneGap {
        LaneGap(lane: lane, first: SequenceNumber(first), last: SequenceNumber(last), end: SequenceNumber(last))
    }

    private final class Answers: Sendable {
        private let taken = Mutex<[OrderOutcome]>([])
        func take(_ outcome: OrderOutcome) { taken.withLock { $0.append(outcome) } }
        var all: [OrderOutcome] { taken.withLock { $0 } }
    }

    /// What an order is answered with, once.
    private func order(_ gaps: [LaneGap]) throws -> OrderOutcome? {
        let answers = Answers()
        world.coordinator?.orders.give(.acceptGap(gaps)) { answers.take($0) }
        _ = try world.run(forMilliseconds: 31_000)
        #expect(answers.all.count == 1)
        return answers.all.first
    }

    private func rows(_ kind: EventKind) -> [[UInt8]] { world.database.state.tables[kind] ?? [] }

    private func rows(_ kind: EventKind, of texts: [String]) -> [[UInt8]] { texts.map { EventTuples.event(kind, $0) } }

    @Test func `the tables and numbers are named, and nothing is sent before the operator's word`() throws {
        #expect(try !world.run(forMilliseconds: 90_000))
        let status = try #require(world.coordinator?.status)
        #expect(status.state.contains("'opslogd spool accept-gap'") && !status.isCompared)
        #expect(status.gap.map(\.lane) == [.castErrors, .backupLogs])
        #expect(status.gap.allSatisfy { $0.last == SequenceNumber(60) && $0.end == SequenceNumber(60) })
        #expect(status.gap.map(\.first.rawValue) == [20, 21])
        #expect(rows(.castErrors).count == 10)
    }

    @Test func `what was accepted is durable, counted and said, and what is kept arrives once`() throws {
        _ = try world.run(forMilliseconds: 5000)
        let gaps = try #require(world.coordinator?.status.gap)
        #expect(try order(gaps) == .accepted(gaps))
        #expect(world.ledger.acceptedGaps == gaps)
        #expect(world.messages.contains { $0.contains("has given up") && $0.contains("cast_errors 20 to 60") })
        #expect(world.value("opslogd_accepted_gap_records_total", "cast_errors") == 41)
        #expect(world.coordinator?.status.gap.isEmpty == true && world.coordinator?.status.state == "idle")
        for kind in Self.lanes {
            let numbers = (0..<100).filter { $0 % 2 == (kind == .castErrors ? 0 : 1) && !(20..<60).contains($0) }
            #expect(rows(kind) == rows(kind, of: numbers.map { "\($0)" } + ["new"]))
        }
        #expect(world.ledger.settled == world.spool.durable)
        // A start with what is durable goes on from there.
        world.restart(lagging: 0)
        world.append([[.event(.castErrors, "newer")]])
        #expect(try world.run(forMilliseconds: 5000))
        #expect(rows(.castErrors).last == EventTuples.event(.castErrors, "newer") && rows(.castErrors).count == 32)
    }

    @Test func `an order that names something else is refused, and nothing is accepted`() throws {
        _ = try world.run(forMilliseconds: 5000)
        let gaps = try #require(world.coordinator?.status.gap)
        #expect(try order([gaps[0]]) == .otherGap(gaps))
        #expect(try order([gap(.castErrors, 20, 61), gaps[1]]) == .otherGap(gaps))
        // It fits what was found, and not what is found when it is looked at again: one more group is gone.
        world.spool.forget(groups: 1)
        guard case .otherGap(let now) = try order(gaps) else {
            Issue.record("it was not refused")
            return
        }
        #expect(now.allSatisfy { $0.last == SequenceNumber(70) })
        #expect(world.ledger.acceptedGaps.isEmpty && rows(.castErrors).count == 10)
        #expect(try order(now) == .accepted(now))
    }

    @Test func `an order is not kept for later where the database is away, or the disk fails`() throws {
        _ = try world.run(forMilliseconds: 5000)
        let gaps = try #require(world.coordinator?.status.gap)
        world.database.isUp = false
        guard case .notNow = try order(gaps) else {
            Issue.record("it was answered without a database")
            return
        }
        world.database.isUp = true
        _ = try world.run(forMilliseconds: 31_000)
        #expect(world.ledger.acceptedGaps.isEmpty)
        world.ledger.refusesGap = true
        guard case .notNow(let why) = try order(gaps) else {
            Issue.record("it was answered without a disk")
            return
        }
        #expect(why.contains("no longer kept") && rows(.castErrors).count == 10)
        world.ledger.refusesGap = false
        #expect(try order(gaps) == .accepted(gaps))
    }

    @Test func `where nothing is missing there is nothing to accept`() throws {
        let world = DeliveryWorld()
        world.append([[.event(.castErrors, "a")]])
        try world.run()
        let answers = Answers()
        world.coordinator?.orders.give(.acceptGap([gap(.castErrors, 1, 1)])) { answers.take($0) }
        try world.run()
        #expect(answers.all == [.otherGap([])])
        #expect(world.ledger.acceptedGaps.isEmpty)
    }

    @Test func `a crash between the word and what follows it is made good by the next start`() throws {
        _ = try world.run(forMilliseconds: 5000)
        let gaps = try #require(world.coordinator?.status.gap)
        world.coordinator?.orders.give(.acceptGap(gaps)) { _ in }
        // Ends as soon as it is durable.
        try world.run { !world.ledger.acceptedGaps.isEmpty }
        world.restart()
        #expect(try world.run(forMilliseconds: 5000))
        #expect(rows(.castErrors).count == 31 && rows(.backupLogs).count == 31)
        #expect(world.ledger.acceptedGaps == gaps)
    }

    @Test func `a row that stands further back lacks more than was accepted, and waits again`() throws {
        _ = try world.run(forMilliseconds: 5000)
        let gaps = try #require(world.coordinator?.status.gap)
        #expect(try order(gaps) == .accepted(gaps))
        // The same backup again: that was accepted.
        world.database.setBack(to: backup)
        world.append([[.event(.castErrors, "again")]])
        #expect(try world.run(forMilliseconds: 5000))
        #expect(rows(.castErrors).count == 32)
        var older = backup
        for kind in Self.lanes {
            older.tables[kind]?.removeLast(5)
            older.positions[kind]?.position = SequenceNumber(kind == .castErrors ? 9 : 10)
        }
        world.database.setBack(to: older)
        world.append([[.event(.castErrors, "once more")]])
        #expect(try !world.run(forMilliseconds: 60_000))
        #expect(world.coordinator?.status.gap.map(\.first.rawValue) == [10, 11])
        #expect(rows(.castErrors).count == 5)
    }
}
