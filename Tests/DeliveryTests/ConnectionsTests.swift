import OperationLogs
import Testing

@testable import Delivery

/// Several connections: the tables are shared out among them, and the first compares the position rows for all while the
/// others are at rest.
struct ConnectionsTests {
    private typealias Machine = DeliveryStateMachine

    private let run = UniqueID(high: 1, low: 1)
    private let origin = RecordOrigin(run: UniqueID(high: 1, low: 1), chain: 9)
    private let now = Machine.Moment(milliseconds: 0, durable: SequenceNumber(5))
    private let clean = CommitAnswer(warning: nil)

    private func server(timeline: UInt32 = 1) -> ServerIdentity {
        ServerIdentity(systemIdentifier: 1, timeline: timeline, isInRecovery: false, version: "15")
    }

    private func machine(_ connections: Int = 2) -> Machine {
        Machine(
            run: run, runs: [DaemonRun(id: run, firstSequence: SequenceNumber(1))], known: [], settled: .zero,
            server: DatabaseServer(systemIdentifier: 1, timeline: 1),
            options: DeliveryOptions(batchEvents: 100, connections: connections, host: "h"), seed: 1)
    }

    private func row(_ lane: EventKind, _ position: UInt64 = 0) -> PositionRow {
        PositionRow(
            lane: lane, position: SequenceNumber(position), run: position == 0 ? .zero : origin.run,
            chain: position == 0 ? 0 : origin.chain, owner: run)
    }

    /// The first connection's comparison, from its `BEGIN` on: these lanes stand there, the others at 0.
    private func compare(_ machine: inout Machine, _ positions: [EventKind: UInt64] = [:]) -> Machine.Action {
        let rows = EventKind.allCases.map { lane in
            FencedRow(
                row: row(lane, positions[lane] ?? 0), ownOrigin: positions[lane] == nil ? nil : origin)
        }
        _ = machine.handle(.done, at: now)
        _ = machine.handle(.fenced(rows), at: now)
        _ = machine.handle(.changed(8), at: now)
        _ = machine.handle(.done, at: now)
        return machine.handle(.committed(clean), at: now)
    }

    /// Both connections have been opened, the rows compared, and each has been told what to gather.
    private func ready() -> (machine: Machine, first: Turn?, second: Turn?) {
        var machine = machine()
        for number in 0..<2 { _ = machine.handle(.started, of: number, at: now) }
        _ = machine.handle(.connected(server()), at: now)
        _ = machine.handle(.connected(server()), of: 1, at: now)
        let first = compare(&machine)
        let second = machine.handle(.woke, of: 1, at: now)
        _ = machine.takeEffects()
        return (machine, turn(first), turn(second))
    }

    private func turn(_ action: Machine.Action) -> Turn? {
        guard case .gather(let turn) = action else { return nil }
        return turn
    }

    private func batch(_ turn: Turn?, _ lane: EventKind) -> BatchSummary {
        BatchSummary(
            turn: turn ?? Turn(lanes: [], from: .zero, rowLimit: 1),
            shares: [
                BatchSummary.Share(
                    lane: lane, rows: 1, first: SequenceNumber(5), last: SequenceNumber(5), origin: origin)
            ], scannedTo: SequenceNumber(5), isFull: false)
    }

    /// A connection sends a batch of one table, up to the statement behind COMMIT.
    private func send(_ machine: inout Machine, _ batch: BatchSummary, of number: Int) -> Machine.Action {
        let lane = batch.shares[0].lane
        _ = machine.handle(.gathered(batch), of: number, at: now)
        _ = machine.handle(.done, of: number, at: now)
        _ = machine.handle(.locked([row(lane)]), of: number, at: now)
        _ = machine.handle(.done, of: number, at: now)
        _ = machine.handle(.changed(1), of: number, at: now)
        return machine.handle(.done, of: number, at: now)
    }

    @Test func `each connection gathers its own tables, once the first has compared the rows of all`() {
        var machine = machine()
        #expect(machine.handle(.started, at: now) == .connect)
        #expect(machine.handle(.started, of: 1, at: now) == .connect)
        #expect(machine.handle(.connected(server()), of: 1, at: now) == .park)
        #expect(machine.handle(.woke, of: 1, at: now) == .park)
        #expect(machine.handle(.connected(server()), at: now) == .execute(.begin))
        #expect(machine.handle(.woke, of: 1, at: now) == .park)
        _ = machine.takeEffects()
        let first = turn(compare(&machine))
        #expect(machine.takeEffects().contains(.wake(1)))
        let second = turn(machine.handle(.woke, of: 1, at: now))
        #expect(
            first?.lanes.map(\.lane) == [
                .dataQualityErrors, .authorityConflicts, .upsertFailures, .pipelineWatermarks,
            ])
        #expect(second?.lanes.map(\.lane) == [.dedupConflicts, .castErrors, .concurrencyIssues, .backupLogs])
    }

    @Test func `a comparison waits until the other connection's transaction has ended`() {
        var (machine, _, second) = ready()
        #expect(send(&machine, batch(second, .castErrors), of: 1) == .execute(.awaitCommit))
        // The first one's connection breaks, and is there again.
        _ = machine.handle(.gathered(batch(second, .dataQualityErrors)), at: now)
        #expect(machine.handle(.failed(.connectionLost("gone")), at: now) == .connect)
        #expect(machine.handle(.connected(server()), at: now) == .park)
        _ = machine.takeEffects()
        #expect(machine.handle(.committed(clean), of: 1, at: now) == .park)
        #expect(machine.takeEffects().contains(.wake(0)))
        #expect(machine.handle(.woke, at: now) == .execute(.begin))
        #expect(turn(compare(&machine, [.castErrors: 5])) != nil)
    }

    @Test func `what was gathered before another connection came into doubt is not sent, and not passed over`() {
        for isEmpty in [false, true] {
            var (machine, _, second) = ready()
            _ = machine.handle(.gathered(batch(second, .dataQualityErrors)), at: now)
            _ = machine.handle(.failed(.connectionLost("gone")), at: now)
            #expect(machine.takeEffects().contains(.wake(1)))
            var gathered = batch(second, .castErrors)
            if isEmpty { gathered.shares = [] }
            #expect(machine.handle(.gathered(gathered), of: 1, at: now) == .park)
            #expect(machine.takeEffects().contains(.wake(0)))
            #expect(machine[.castErrors].fate == .zero)
            #expect(machine.handle(.connected(server()), at: now) == .execute(.begin))
            _ = compare(&machine)
            #expect(turn(machine.handle(.woke, of: 1, at: now)) == second)
        }
    }

    @Test func `what became of a COMMIT without an answer is found by the first connection, for the one that sent it`()
    {
        for isThere in [true, false] {
            var (machine, _, second) = ready()
            let sent = batch(second, .castErrors)
            _ = send(&machine, sent, of: 1)
            guard case .wait = machine.handle(.failed(.connectionLost("gone")), of: 1, at: now) else {
                Issue.record("no wait")
                return
            }
            #expect(machine.takeEffects().contains(.wake(0)))
            let idle = BatchSummary(
                turn: Turn(lanes: [], from: .zero, rowLimit: 1), shares: [], scannedTo: .zero, isFull: false)
            #expect(machine.handle(.gathered(idle), at: now) == .execute(.begin))
            _ = compare(&machine, isThere ? [.castErrors: 5] : [:])
            #expect(machine.takeDelivered() == nil)
            #expect(machine.takeDelivered(of: 1) == (isThere ? sent : nil))
            #expect(machine[.castErrors].position.rawValue == (isThere ? 5 : 0))
            #expect(machine[.castErrors].fate.rawValue == (isThere ? 5 : 0))
        }
    }

    @Test func `a connection that reached another server sends nothing until both were opened anew`() {
        var machine = machine()
        for number in 0..<2 { _ = machine.handle(.started, of: number, at: now) }
        _ = machine.handle(.connected(server()), at: now)
        _ = machine.handle(.connected(server(timeline: 2)), of: 1, at: now)
        let first = compare(&machine)
        guard case .wait = machine.handle(.woke, of: 1, at: now) else {
            Issue.record("it goes on with another server")
            return
        }
        let effects = machine.takeEffects()
        #expect(effects.contains(.wake(0)))
        #expect(
            effects.contains {
                if case .warning(let text) = $0 { text.contains("two servers") } else { false }
            })
        #expect(machine.handle(.woke, of: 1, at: now) == .connect)
        // The first one, once it is through with what it has begun.
        var none = batch(turn(first), .castErrors)
        none.shares = []
        #expect(machine.handle(.gathered(none), at: now) == .connect)
        #expect(machine.handle(.connected(server(timeline: 2)), of: 1, at: now) == .park)
        #expect(machine.handle(.connected(server(timeline: 2)), at: now) == .execute(.begin))
        _ = compare(&machine)
        #expect(turn(machine.handle(.woke, of: 1, at: now)) != nil)
    }

    @Test func `a COMMIT that was on its way before another was not replicated proves nothing`() {
        var (machine, first, second) = ready()
        _ = send(&machine, batch(second, .castErrors), of: 1)
        _ = send(&machine, batch(first, .dataQualityErrors), of: 0)
        _ = machine.takeEffects()
        _ = machine.handle(.committed(CommitAnswer(warning: "01000: not replicated")), at: now)
        _ = machine.handle(.committed(clean), of: 1, at: now)
        #expect(settled(machine.takeEffects()) == nil)
        // One that was sent later does.
        let later = Machine.Moment(milliseconds: 0, durable: SequenceNumber(6))
        guard let turn = turn(machine.handle(.woke, of: 1, at: later)) else {
            Issue.record("nothing to gather")
            return
        }
        var next = batch(turn, .castErrors)
        next.shares[0].last = SequenceNumber(6)
        next.scannedTo = SequenceNumber(6)
        _ = machine.handle(.gathered(next), of: 1, at: later)
        _ = machine.handle(.done, of: 1, at: later)
        _ = machine.handle(.locked([row(.castErrors, 5)]), of: 1, at: later)
        _ = machine.handle(.done, of: 1, at: later)
        _ = machine.handle(.changed(1), of: 1, at: later)
        _ = machine.handle(.done, of: 1, at: later)
        _ = machine.handle(.committed(clean), of: 1, at: later)
        #expect(settled(machine.takeEffects())?.rawValue == 5)
    }

    private func settled(_ effects: [Machine.Effect]) -> SequenceNumber? {
        effects.lazy.compactMap { if case .ledger(_, let settled) = $0 { settled } else { nil } }.max()
    }
}
