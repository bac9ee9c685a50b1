import Instruments
import LinuxSystem
import OperationLogs
import SimulatedWorld
import Synchronization
import Testing

@testable import Delivery

/// The worker on a thread of its own, with real clocks.
struct DeliveryWorkerTests {
    final class Setting: @unchecked Sendable {
        let spool = MemorySpool()
        let ledger = MemoryLedger()
        let database = SimulatedDatabase()
        let session: BlockingSession
        let worker: DeliveryWorker<BlockingSession, SystemTime>
        let ended: EventDescriptor
        private let failure = Mutex<(any Error)?>(nil)

        init(_ options: DeliveryOptions = DeliveryOptions(retryInitialMilliseconds: 5, host: "t")) throws {
            session = BlockingSession(database)
            ended = try EventDescriptor()
            worker = try DeliveryWorker(
                [(session, spool)], ledger: ledger, deadLetters: MemoryDeadLetters(), options: options,
                time: SystemTime(), registry: Registry(), diagnostics: .silent)
        }

        func start() {
            WorkerThread.start("delivery-test") { [self] in
                do { try worker.run() } catch { failure.withLock { $0 = error } }
                ended.signal()
            }
        }

        var error: (any Error)? { failure.withLock { $0 } }

        /// Until the worker's status says so, at most ten seconds.
        func wait(_ isSo: (DeliveryStatus) -> Bool) -> Bool {
            let pause = try? EventDescriptor()
            for _ in 0..<2000 {
                if isSo(worker.status) { return true }
                pause?.wait(milliseconds: 5)
            }
            return false
        }
    }

    @Test func `a stop that comes before the start lets nothing begin`() throws {
        let setting = try Setting()
        setting.spool.append([[.event(.castErrors, "a")]])
        setting.worker.stop(drainMilliseconds: 60_000)
        setting.start()
        #expect(setting.ended.wait(milliseconds: 10_000))
        #expect(setting.error == nil && setting.worker.status.state == "stopped")
        #expect(setting.database.commits == 0)
    }

    /// A session whose COMMIT can be made to block until it is interrupted.
    final class BlockingSession: DatabaseSession, @unchecked Sendable {
        private let inner: SimulatedSession
        let blocks = Mutex(false)
        let interruption: EventDescriptor?
        let isBlocked: EventDescriptor?

        init(_ database: SimulatedDatabase) {
            inner = SimulatedSession(database)
            interruption = try? EventDescriptor()
            isBlocked = try? EventDescriptor()
        }

        func connect() throws(DatabaseFailure) -> ServerIdentity { try inner.connect() }
        func disconnect() { inner.disconnect() }
        func interrupt() { interruption?.signal() }
        func obstacle(of lane: EventKind) throws(DatabaseFailure) -> String? { try inner.obstacle(of: lane) }
        func compareTables() -> [TableRemark] { inner.compareTables() }
        func begin() throws(DatabaseFailure) { try inner.begin() }
        func lockPositions(spool: UniqueID, lanes: [EventKind]) throws(DatabaseFailure) -> [PositionRow] {
            try inner.lockPositions(spool: spool, lanes: lanes)
        }
        func insertPositions(spool: UniqueID, lanes: [EventKind], host: String, owner: UniqueID)
            throws(DatabaseFailure)
        { try inner.insertPositions(spool: spool, lanes: lanes, host: host, owner: owner) }
        func takeOwnership(spool: UniqueID, lanes: [EventKind], owner: UniqueID) throws(DatabaseFailure) -> Int {
            try inner.takeOwnership(spool: spool, lanes: lanes, owner: owner)
        }
        func copy(_ kind: EventKind, tuples: UnsafeRawBufferPointer, rows: Int, following: [EventKind])
            throws(DatabaseFailure)
        { try inner.copy(kind, tuples: tuples, rows: rows, following: following) }
        func upsert(_ watermarks: [Delivery.Watermark]) throws(DatabaseFailure) { try inner.upsert(watermarks) }
        func move(spool: UniqueID, owner: UniqueID, _ moves: [PositionMove]) throws(DatabaseFailure) -> Int {
            try inner.move(spool: spool, owner: owner, moves)
        }
        func sendCommit() throws(DatabaseFailure) { try inner.sendCommit() }
        func awaitCommit() throws(DatabaseFailure) -> CommitAnswer {
            if blocks.withLock({ $0 }) {
                isBlocked?.signal()
                interruption?.wait()
                inner.disconnect()
                throw .interrupted
            }
            return try inner.awaitCommit()
        }
        func rollback() throws(DatabaseFailure) { try inner.rollback() }
    }

    @Test func `what becomes durable while it is idle wakes it`() throws {
        let setting = try Setting()
        setting.start()
        #expect(setting.wait { $0.state == "idle" })
        for number in 1...20 {
            setting.spool.append([[.event(.castErrors, "\(number)")]])
            #expect(setting.wait { $0.eventsDelivered == number })
        }
        setting.worker.stop(drainMilliseconds: 1000)
        #expect(setting.ended.wait(milliseconds: 10_000))
        #expect(setting.worker.status.state == "stopped")
        #expect(setting.database.state.tables[.castErrors]?.count == 20)
        #expect(setting.worker.status.serverVersion == "15.0")
        #expect(setting.error == nil)
    }

    @Test func `a stop delivers what is left, and then ends at once`() throws {
        let setting = try Setting(DeliveryOptions(batchEvents: 50, batchWaitMilliseconds: 60_000, host: "t"))
        setting.start()
        #expect(setting.wait { $0.state == "idle" })
        setting.spool.append([(0..<120).map { .event(.castErrors, "\($0)") }])
        #expect(setting.wait { $0.eventsDelivered == 100 })
        setting.worker.stop(drainMilliseconds: 60_000)
        #expect(setting.ended.wait(milliseconds: 10_000))
        #expect(setting.database.state.tables[.castErrors]?.count == 120)
        #expect(setting.ledger.settled.rawValue == 120)
    }

    @Test func `a stop while the database is away ends at once`() throws {
        let setting = try Setting(
            DeliveryOptions(retryInitialMilliseconds: 60_000, retryMaxMilliseconds: 60_000, host: "t"))
        setting.database.isUp = false
        setting.spool.append([[.event(.castErrors, "a")]])
        setting.start()
        #expect(setting.wait { $0.lastError != nil })
        setting.worker.stop(drainMilliseconds: 60_000)
        #expect(setting.ended.wait(milliseconds: 10_000))
        #expect(setting.worker.status.eventsDelivered == 0)
    }

    @Test func `a stop interrupts a call that blocks beyond its time`() throws {
        let setting = try Setting()
        setting.start()
        #expect(setting.wait { $0.state == "idle" })
        setting.session.blocks.withLock { $0 = true }
        setting.spool.append([[.event(.castErrors, "a")]])
        #expect(setting.session.isBlocked?.wait(milliseconds: 10_000) == true)
        setting.worker.stop(drainMilliseconds: 60_000)
        #expect(!setting.ended.wait(milliseconds: 50))
        // A second word ends the waiting.
        setting.worker.stop(drainMilliseconds: 0)
        #expect(setting.ended.wait(milliseconds: 10_000))
        #expect(setting.error == nil)
    }

    @Test func `a stop before the start leaves nothing to do`() throws {
        let setting = try Setting()
        setting.worker.stop(drainMilliseconds: 0)
        setting.spool.append([[.event(.castErrors, "a")]])
        setting.start()
        #expect(setting.ended.wait(milliseconds: 10_000))
        #expect(setting.database.state.tables.isEmpty)
    }

    @Test func `a spool that cannot be read ends it with the reason`() throws {
        let setting = try Setting()
        for name in ["a", "b"] { setting.spool.append([[.event(.castErrors, name)]]) }
        setting.spool.forget(groups: 1)
        setting.start()
        #expect(setting.ended.wait(milliseconds: 10_000))
        #expect(setting.error is SpoolGap)
    }

    @Test func `an idle worker leaves the database alone`() throws {
        let setting = try Setting()
        setting.start()
        #expect(setting.wait { $0.state == "idle" })
        let calls = setting.database.commits
        #expect(!setting.ended.wait(milliseconds: 100))
        #expect(setting.database.commits == calls)
        setting.worker.stop(drainMilliseconds: 0)
        #expect(setting.ended.wait(milliseconds: 10_000))
    }
}
