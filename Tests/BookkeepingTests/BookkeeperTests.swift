import Bookkeeping
import DeadLetters
import OperationLogs
import SimulatedWorld
import Spool
import Testing

/// The books of a run balance whatever happens, as long as nothing is lost.
@Suite struct BookkeeperTests {
    @Test func `each line is read, and then in the spool, and then in its table or a dead letter`() throws {
        let scene = try BookedScene()
        scene.read("a", events: 3, rejected: 2)
        scene.read("b", events: 1)
        #expect(try scene.account("a")?.read == 5)
        #expect(try scene.account("a")?.underWay == 5)
        try scene.write()
        #expect(try scene.account("a")?.inSpool == 5)
        #expect(try scene.account("b")?.inSpool == 1)
        try scene.move()
        scene.deliver(upTo: 2, rows: 2)
        var report = try scene.report
        #expect(report.inputs.map(\.delivered) == [2, 0] && report.inputs.map(\.deadLettered) == [2, 0])
        #expect(report.inputs.map(\.inSpool) == [1, 1] && report.unaccounted == 0)
        scene.deliver(upTo: 6, rows: 2)
        report = try scene.report
        #expect(report.inputs.map(\.delivered) == [3, 1] && report.inputs.map(\.inSpool) == [0, 0])
        #expect(report.unaccounted == 0 && scene.metric == 0)
    }

    @Test func `a start carries in what has no fate, and nothing else`() throws {
        let disk = DiskState()
        let before = try BookedScene(disk)
        before.read("a", events: 5, rejected: 1)
        try before.write()
        before.deliver(upTo: 2, rows: 2)
        try before.stop()

        let scene = try BookedScene(disk)
        #expect(try scene.account("a")?.carried == 4)
        scene.read("a", events: 2)
        try scene.write()
        try scene.move()
        scene.deliver(upTo: 8, rows: 5)
        let account = try scene.account("a")
        #expect(account?.read == 2 && account?.delivered == 5 && account?.deadLettered == 1)
        #expect(try scene.report.unaccounted == 0)
    }

    @Test func `rows that an earlier run has committed are found, not invented`() throws {
        let disk = DiskState()
        let before = try BookedScene(disk)
        before.read("a", events: 5)
        try before.write()
        try before.stop()

        // The cursor knows of no row yet; the database has them all.
        let scene = try BookedScene(disk)
        let row = LanePosition(
            lane: .castErrors, position: SequenceNumber(5), origin: RecordOrigin(run: before.writer.run, chain: 1))
        try scene.ledger.compared([row], isAccepted: false)
        scene.deliver(upTo: 5, rows: 0)
        let report = try scene.report
        #expect(report.inputs.first?.delivered == 5)
        #expect(report.crossings[Int(EventKind.castErrors.rawValue)].found == 5 && report.unaccounted == 0)
    }

    @Test func `rows are told apart that were found and that were sent since, though the ledger hears of both at once`()
        throws
    {
        let disk = DiskState()
        let before = try BookedScene(disk)
        before.read("a", events: 5)
        try before.write()
        try before.stop()

        let scene = try BookedScene(disk)
        let row = LanePosition(
            lane: .castErrors, position: SequenceNumber(3), origin: RecordOrigin(run: before.writer.run, chain: 1))
        try scene.ledger.compared([row], isAccepted: true)
        // A COMMIT that is not replicated yet is not told to the ledger.
        scene.delivered.add(1, .castErrors)
        scene.deliver(upTo: 5, rows: 1)
        let report = try scene.report
        let crossing = report.crossings[Int(EventKind.castErrors.rawValue)]
        #expect(crossing.found == 3 && crossing.counted == 2 && report.unaccounted == 0)
    }

    @Test func `a database that was set back gives its rows back, and they are delivered again`() throws {
        let scene = try BookedScene()
        scene.read("a", events: 6)
        try scene.write()
        scene.deliver(upTo: 6, rows: 6)
        #expect(try scene.account("a")?.delivered == 6)
        let back = LanePosition(
            lane: .castErrors, position: SequenceNumber(2), origin: RecordOrigin(run: scene.writer.run, chain: 1))
        try scene.ledger.rewind(
            scene.ledger.lanes.map { $0.lane == .castErrors ? back : $0 }, settled: SequenceNumber(2))
        #expect(try scene.account("a")?.returned == 4)
        #expect(try scene.account("a")?.inSpool == 4)
        scene.deliver(upTo: 6, rows: 4)
        #expect(try scene.account("a")?.delivered == 10)
        #expect(try scene.report.unaccounted == 0)
    }

    @Test func `a fork passes records over`() throws {
        let scene = try BookedScene()
        scene.read("a", events: 4)
        try scene.write()
        scene.deliver(upTo: 1, rows: 1)
        #expect(try scene.report.unaccounted == 0)
        try scene.ledger.fork(
            counted: Dictionary(uniqueKeysWithValues: EventKind.allCases.map { ($0, SequenceNumber(3)) }))
        #expect(try scene.account("a")?.passedOver == 2)
        scene.deliver(upTo: 4, rows: 1)
        let account = try scene.account("a")
        #expect(account?.delivered == 2 && account?.inSpool == 0)
        #expect(try scene.report.unaccounted == 0)
    }

    @Test func `a refused row is a dead letter, though Delivery has let go of it by then`() throws {
        let scene = try BookedScene()
        scene.read("a", events: 3)
        try scene.write()
        try scene.refuse(2, of: "a")
        scene.deliver(upTo: 3, rows: 2)
        scene.letters.forgetRefusals(upTo: SequenceNumber(3))
        let account = try scene.account("a")
        #expect(account?.delivered == 2 && account?.deadLettered == 1)
        #expect(try scene.report.unaccounted == 0)
        // The books have been there: nobody needs it any more.
        #expect(!scene.letters.holdsRefusal(of: SequenceNumber(2)))
    }

    @Test func `a refused row is one dead letter, also when the database is set back behind it`() throws {
        let scene = try BookedScene()
        scene.read("a", events: 3)
        try scene.write()
        try scene.refuse(2, of: "a")
        scene.deliver(upTo: 3, rows: 2)
        #expect(try scene.account("a")?.deadLettered == 1)
        let back = LanePosition(lane: .castErrors, position: SequenceNumber(1), origin: nil)
        try scene.letters.recallRefusals(after: SequenceNumber(1))
        try scene.ledger.rewind(
            scene.ledger.lanes.map { $0.lane == .castErrors ? back : $0 }, settled: SequenceNumber(1))
        #expect(try scene.account("a")?.returned == 1)
        scene.deliver(upTo: 3, rows: 1)
        let account = try scene.account("a")
        #expect(account?.deadLettered == 1 && account?.delivered == 3 && account?.inSpool == 0)
        #expect(try scene.report.unaccounted == 0)
    }

    @Test func `a lane that is far behind is struck out as it comes along`() throws {
        let scene = try BookedScene()
        for _ in 0..<20 {
            scene.read("a", events: 3)
            scene.read("a", events: 2, of: .concurrencyIssues)
        }
        try scene.write()
        scene.deliver(upTo: 98, rows: 60, settled: 0)
        #expect(try scene.account("a")?.inSpool == 40)
        scene.deliver(upTo: 50, rows: 20, of: .concurrencyIssues, settled: 50)
        #expect(try scene.account("a")?.inSpool == 20)
        scene.deliver(upTo: 100, rows: 20, of: .concurrencyIssues, settled: 100)
        #expect(try scene.account("a")?.delivered == 100)
        #expect(try scene.report.unaccounted == 0)
    }
}
