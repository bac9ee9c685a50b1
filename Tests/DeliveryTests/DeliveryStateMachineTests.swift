import OperationLogs
import Testing

@testable import Delivery

/// The state machine alone: what it asks for, step by step.
struct DeliveryStateMachineTests {
    private typealias Machine = DeliveryStateMachine

    private let run = UniqueID(high: 1, low: 1)
    private let origin = RecordOrigin(run: UniqueID(high: 1, low: 1), chain: 9)
    private let server = ServerIdentity(systemIdentifier: nil, timeline: nil, isInRecovery: false, version: "15")
    private let all = EventKind.allCases

    private func machine(_ options: DeliveryOptions = DeliveryOptions(batchEvents: 100, host: "h")) -> Machine {
        Machine(
            run: run, runs: [DaemonRun(id: run, firstSequence: SequenceNumber(1))], known: [], settled: .zero,
            options: options, seed: 1)
    }

    private func moment(_ milliseconds: UInt64 = 0, durable: UInt64 = 0) -> Machine.Moment {
        Machine.Moment(milliseconds: milliseconds, durable: SequenceNumber(durable))
    }

    private var freshRows: [FencedRow] {
        all.map {
            FencedRow(
                row: PositionRow(lane: $0, position: .zero, run: .zero, chain: 0, owner: run), ownOrigin: nil)
        }
    }

    /// Past the fence, idle.
    private func ready(durable: UInt64 = 0, _ options: DeliveryOptions? = nil) -> (Machine, Machine.Action) {
        var machine = options.map { self.machine($0) } ?? self.machine()
        let now = moment(durable: durable)
        _ = machine.handle(.started, at: now)
        _ = machine.handle(.connected(server), at: now)
        _ = machine.handle(.done, at: now)
        _ = machine.handle(.fenced(freshRows), at: now)
        _ = machine.handle(.changed(8), at: now)
        _ = machine.handle(.done, at: now)
        let action = machine.handle(.committed(CommitAnswer(warning: nil)), at: now)
        _ = machine.takeEffects()
        return (machine, action)
    }

    private func summary(_ turn: Turn, _ rows: [(EventKind, Int)], to scanned: UInt64) -> BatchSummary {
        BatchSummary(
            turn: turn,
            shares: rows.map {
                BatchSummary.Share(
                    lane: $0.0, rows: $0.1, first: SequenceNumber(1), last: SequenceNumber(scanned), origin: origin)
            }, scannedTo: SequenceNumber(scanned), isFull: false)
    }

    private func turn(of action: Machine.Action) throws -> Turn {
        guard case .gather(let turn) = action else {
            Issue.record("\(action)")
            throw CancellationError()
        }
        return turn
    }

    @Test func `the start connects, compares all rows, makes those of a new spool, and commits`() {
        var machine = machine()
        #expect(machine.handle(.started, at: moment()) == .connect)
        #expect(machine.handle(.connected(server), at: moment()) == .execute(.begin))
        #expect(machine.handle(.done, at: moment()) == .execute(.fence))
        #expect(machine.handle(.fenced([]), at: moment()) == .execute(.insert(all)))
        #expect(machine.handle(.done, at: moment()) == .execute(.sendCommit))
        #expect(machine.handle(.done, at: moment()) == .execute(.awaitCommit))
        #expect(machine.handle(.committed(CommitAnswer(warning: nil)), at: moment()) == .idle(milliseconds: nil))
    }

    @Test func `rows that are there are taken over, and all of them`() {
        var machine = machine()
        _ = machine.handle(.started, at: moment())
        _ = machine.handle(.connected(server), at: moment())
        _ = machine.handle(.done, at: moment())
        #expect(machine.handle(.fenced(freshRows), at: moment()) == .execute(.own(all)))
        #expect(machine.handle(.changed(7), at: moment()) == .execute(.rollback))
        #expect(machine.handle(.done, at: moment()) == .wait(milliseconds: 1000))
    }

    @Test func `a batch locks, copies by lane, upserts, moves and commits, in this order`() throws {
        var (machine, action) = ready(durable: 5)
        let turn = try turn(of: action)
        #expect(turn.lanes.map(\.lane) == all && turn.from == .zero && turn.rowLimit == 100)
        let now = moment(durable: 5)
        let batch = summary(turn, [(.castErrors, 2), (.pipelineWatermarks, 1), (.backupLogs, 1)], to: 5)
        let lanes: [EventKind] = [.castErrors, .pipelineWatermarks, .backupLogs]
        let moves = lanes.map { PositionMove(lane: $0, from: .zero, to: SequenceNumber(5), origin: origin) }
        #expect(machine.handle(.gathered(batch), at: now) == .execute(.begin))
        #expect(machine.handle(.done, at: now) == .execute(.lock(lanes)))
        let rows = lanes.map { PositionRow(lane: $0, position: .zero, run: .zero, chain: 0, owner: run) }
        #expect(machine.handle(.locked(rows), at: now) == .execute(.copy(.castErrors)))
        #expect(machine.handle(.done, at: now) == .execute(.copy(.backupLogs)))
        #expect(machine.handle(.done, at: now) == .execute(.upsert))
        #expect(machine.handle(.done, at: now) == .execute(.move(moves)))
        #expect(machine.handle(.changed(3), at: now) == .execute(.sendCommit))
        #expect(machine.handle(.done, at: now) == .execute(.awaitCommit))
        _ = machine.takeEffects()
        #expect(machine.handle(.committed(CommitAnswer(warning: nil)), at: now) == .idle(milliseconds: nil))
        let effects = machine.takeEffects()
        let delivered = [machine.takeDelivered(), machine.takeDelivered()]
        #expect(delivered == [batch, nil])
        #expect(
            effects.contains {
                guard case .ledger(let lanes, let settled) = $0 else { return false }
                return settled.rawValue == 5 && lanes.count == 8
                    && lanes[3] == LanePosition(lane: .castErrors, position: SequenceNumber(5), origin: origin)
            })
    }

    @Test func `nothing is sent when a row is not where it was left, or fewer rows moved`() throws {
        for isMove in [false, true] {
            var (machine, action) = ready(durable: 5)
            let now = moment(durable: 5)
            let batch = summary(try turn(of: action), [(.castErrors, 2)], to: 5)
            _ = machine.handle(.gathered(batch), at: now)
            _ = machine.handle(.done, at: now)
            var row = PositionRow(lane: .castErrors, position: .zero, run: .zero, chain: 0, owner: run)
            if isMove {
                _ = machine.handle(.locked([row]), at: now)
                _ = machine.handle(.done, at: now)
                #expect(machine.handle(.changed(0), at: now) == .execute(.rollback))
            } else {
                row.position = SequenceNumber(3)
                #expect(machine.handle(.locked([row]), at: now) == .execute(.rollback))
            }
            guard case .wait = machine.handle(.done, at: now) else {
                Issue.record("it does not wait")
                return
            }
            // Then all rows are compared anew.
            #expect(machine.handle(.woke, at: now) == .execute(.begin))
            #expect(machine.handle(.done, at: now) == .execute(.fence))
        }
    }

    @Test func `nothing is sent when the locked row has another owner, run or chain than it was left with`() throws {
        let other = UniqueID(high: 77, low: 77)
        let changes: [(inout PositionRow) -> Void] = [
            { $0.owner = other }, { $0.run = other }, { $0.chain ^= 1 }, { _ in },
        ]
        for (index, change) in changes.enumerated() {
            var (machine, action) = ready(durable: 5)
            var now = moment(durable: 5)
            let batch = summary(try turn(of: action), [(.castErrors, 2)], to: 5)
            let origin = try #require(batch.shares.first).origin
            var row = PositionRow(lane: .castErrors, position: .zero, run: .zero, chain: 0, owner: run)
            for event in [.gathered(batch), .done, .locked([row]), .done, .changed(1), .done]
                as [DeliveryStateMachine.Event]
            {
                _ = machine.handle(event, at: now)
            }
            _ = machine.handle(.committed(CommitAnswer(warning: nil)), at: now)
            now = moment(durable: 9)
            action = machine.handle(.woke, at: now)
            _ = machine.handle(.gathered(summary(try turn(of: action), [(.castErrors, 2)], to: 9)), at: now)
            _ = machine.handle(.done, at: now)
            row.position = try #require(batch.shares.first).last
            row.run = origin.run
            row.chain = origin.chain
            change(&row)
            let isAsLeft = index == 3
            #expect(
                machine.handle(.locked([row]), at: now)
                    == .execute(isAsLeft ? .copy(.castErrors) : .rollback), "change \(index)")
        }
    }

    @Test func `the turn that is gathered ahead is the one that follows the commit`() throws {
        var (machine, action) = ready(durable: 50)
        let now = moment(durable: 50)
        let turn = try turn(of: action)
        #expect(machine.turnAfterCommit(at: now) == nil)
        let batch = summary(turn, [(.castErrors, 2)], to: 20)
        _ = machine.handle(.gathered(batch), at: now)
        _ = machine.handle(.done, at: now)
        _ = machine.handle(
            .locked([PositionRow(lane: .castErrors, position: .zero, run: .zero, chain: 0, owner: run)]), at: now)
        _ = machine.handle(.done, at: now)
        _ = machine.handle(.changed(1), at: now)
        _ = machine.handle(.done, at: now)
        let ahead = machine.turnAfterCommit(at: now)
        #expect(ahead?.from.rawValue == 20)
        let next = machine.handle(.committed(CommitAnswer(warning: nil)), at: now)
        #expect(try self.turn(of: next) == ahead)
    }

    @Test func `a connection lost within a batch is never used again for it`() throws {
        for steps in 0..<6 {
            var (machine, action) = ready(durable: 5)
            let now = moment(durable: 5)
            let batch = summary(try turn(of: action), [(.castErrors, 2)], to: 5)
            let row = PositionRow(lane: .castErrors, position: .zero, run: .zero, chain: 0, owner: run)
            let answers: [Machine.Event] = [.done, .locked([row]), .done, .changed(1), .done]
            _ = machine.handle(.gathered(batch), at: now)
            for answer in answers.prefix(steps) { _ = machine.handle(answer, at: now) }
            var after = machine.handle(.failed(.connectionLost("cut")), at: now)
            if case .wait = after { after = machine.handle(.woke, at: now) }
            #expect(after == .connect, "after \(steps) answers")
            #expect(machine.handle(.connected(server), at: now) == .execute(.begin))
            #expect(machine.handle(.done, at: now) == .execute(.fence))
        }
    }

    @Test func `an answer to a question that was not asked ends the connection`() throws {
        var (machine, action) = ready(durable: 5)
        let now = moment(durable: 5)
        _ = machine.handle(.gathered(summary(try turn(of: action), [(.castErrors, 2)], to: 5)), at: now)
        guard case .wait = machine.handle(.changed(3), at: now) else {
            Issue.record("it goes on")
            return
        }
        #expect(machine.handle(.woke, at: now) == .connect)
    }

    @Test func `an interruption counts as a lost connection`() throws {
        var (machine, action) = ready(durable: 5)
        let now = moment(durable: 5)
        _ = machine.handle(.gathered(summary(try turn(of: action), [(.castErrors, 2)], to: 5)), at: now)
        guard case .wait = machine.handle(.failed(.interrupted), at: now) else {
            Issue.record("it goes on")
            return
        }
        #expect(machine.handle(.woke, at: now) == .connect)
    }

    @Test func `lanes that fail go alone between the turns of the others, and join them when they have caught up`()
        throws
    {
        var (machine, action) = ready(durable: 10)
        let now = moment(durable: 10)
        let first = try turn(of: action)
        _ = machine.handle(.gathered(summary(first, [(.castErrors, 8), (.backupLogs, 2)], to: 10)), at: now)
        _ = machine.handle(.done, at: now)
        let rows = [EventKind.castErrors, .backupLogs].map {
            PositionRow(lane: $0, position: .zero, run: .zero, chain: 0, owner: run)
        }
        _ = machine.handle(.locked(rows), at: now)
        let refusal = ServerError(sqlstate: "22003", message: "out of range")
        #expect(machine.handle(.failed(.server(refusal)), at: now) == .execute(.rollback))
        let alone = try turn(of: machine.handle(.done, at: now))
        #expect(alone.lanes.map(\.lane) == [.castErrors])
        #expect(alone.rowLimit == 4)
        // Half of them get through; then the others' turn.
        _ = machine.handle(.gathered(summary(alone, [(.castErrors, 4)], to: 4)), at: now)
        _ = machine.handle(.done, at: now)
        _ = machine.handle(.locked(rows), at: now)
        _ = machine.handle(.done, at: now)
        _ = machine.handle(.changed(1), at: now)
        _ = machine.handle(.done, at: now)
        let others = try turn(of: machine.handle(.committed(CommitAnswer(warning: nil)), at: now))
        #expect(others.lanes.map(\.lane) == all.filter { $0 != .castErrors })
        let again = try turn(of: machine.handle(.gathered(summary(others, [], to: 10)), at: now))
        #expect(again.lanes == [Turn.Lane(lane: .castErrors, fate: SequenceNumber(4))])
        #expect(again.rowLimit == 2)
    }

    @Test func `batch_wait waits for more, and no longer than it says`() throws {
        var (machine, action) = ready(durable: 1, DeliveryOptions(batchWaitMilliseconds: 100, host: "h"))
        let batch = summary(try turn(of: action), [(.castErrors, 1)], to: 1)
        #expect(machine.handle(.gathered(batch), at: moment(10, durable: 1)) == .gatherMore(milliseconds: 100))
        #expect(machine.handle(.gathered(batch), at: moment(40, durable: 1)) == .gatherMore(milliseconds: 70))
        #expect(machine.handle(.gathered(batch), at: moment(110, durable: 1)) == .execute(.begin))
    }
}
