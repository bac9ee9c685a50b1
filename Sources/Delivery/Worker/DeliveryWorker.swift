import Instruments
import LinuxSystem
import OperationLogs
import Synchronization

/// Delivers what is durable in the spool to the database: a thread for each connection, among which the tables are shared
/// out.
///
/// From the start on it keeps its connections, and each durable record reaches its table exactly once, or stands in the
/// dead letters. `run()` blocks in the database's answers and, with nothing to deliver, in `poll` on its wake-up.
public final class DeliveryWorker<Session: DatabaseSession & SendableMetatype, Time: TimeSource>: Sendable {
    private struct Shared {
        var coordinator: DeliveryCoordinator<Time>?
        /// Monotonic nanoseconds; nil while nobody has asked to stop.
        var stopDeadline: UInt64?
        /// How many threads there are.
        var running = 0
        var hasFirstEnded = false
        var hasEnded = false
        var failure: (any Error)?
    }

    private let connections: [DeliveryConnection<Session>]
    private let ledger: any DeliveryLedger
    private let deadLetters: any DeadLetterSink
    private let options: DeliveryOptions
    private let time: Time
    private let metrics: DeliveryMetrics
    private let diagnostics: Diagnostics
    private let ended: EventDescriptor
    private let shared = Mutex(Shared())
    /// What operators order, for the connections' threads.
    public let orders = DeliveryOrders()

    /// - Parameter connections: as many as the options say, each with a reader of its own.
    /// - Throws: `SystemError` where the process is out of descriptors.
    public init(
        _ connections: [(session: Session, source: any RecordSource)], ledger: any DeliveryLedger,
        deadLetters: any DeadLetterSink, options: DeliveryOptions, time: Time, registry: Registry,
        diagnostics: Diagnostics
    ) throws(SystemError) {
        precondition(connections.count == options.connections, "as many sessions as connections")
        var made: [DeliveryConnection<Session>] = []
        for (session, source) in connections { made.append(try DeliveryConnection(made.count, session, source)) }
        self.connections = made
        self.ledger = ledger
        self.deadLetters = deadLetters
        self.options = options
        self.time = time
        metrics = DeliveryMetrics(registry)
        self.diagnostics = diagnostics
        ended = try EventDescriptor()
    }

    public var status: DeliveryStatus {
        let (coordinator, hasEnded) = shared.withLock { ($0.coordinator, $0.hasEnded) }
        var status = coordinator?.status ?? DeliveryStatus()
        if hasEnded {
            status.state = "stopped"
            status.isConnected = false
        }
        return status
    }

    /// Delivers until it is stopped. Blocks; call it once, on a thread of its own.
    ///
    /// - Throws: what reading the spool throws, `SpoolGap` and `MalformedChunk` among it: nothing can be delivered then
    ///   without passing something over; and `DeadLettersUnusable`. The database's errors never end it.
    public func run() throws {
        let isStoppedBefore = shared.withLock { state in
            if state.stopDeadline == nil { state.running = connections.count }
            return state.stopDeadline != nil
        }
        defer {
            metrics.setDatabaseUp(false)
            orders.close()
            shared.withLock { $0.hasEnded = true }
            ended.signal()
        }
        // Nobody watches over the deadline of a stop that came first: nothing is begun that could outlast it.
        if isStoppedBefore { return }
        let coordinator = DeliveryCoordinator(
            ledger: ledger, deadLetters: deadLetters, options: options, time: time, metrics: metrics,
            diagnostics: diagnostics, seed: SystemRandomNumberGenerator.seed(),
            orders: orders, wake: { [connections] in connections[$0].wakeUp.signal() })
        orders.onArrival { [connections] in for connection in connections { connection.wakeUp.signal() } }
        shared.withLock { $0.coordinator = coordinator }
        for connection in connections {
            connection.source.onDurable { [wakeUp = connection.wakeUp] in wakeUp.signal() }
        }
        for connection in connections.dropFirst() {
            WorkerThread.start("delivery-\(connection.number + 1)") { [self] in serve(connection, coordinator) }
        }
        serve(connections[0], coordinator)
        while shared.withLock({ $0.running > 0 }) { connections[0].wakeUp.wait() }
        if let failure = shared.withLock({ $0.failure }) { throw failure }
    }

    /// Ends `run()`: it goes on delivering until nothing is left, the time is up, or there is something to wait for,
    /// the database being away or a table held up. What is left stays in the spool. From any thread, also again with a
    /// shorter time; returns at once.
    public func stop(drainMilliseconds: Int) {
        let drain = UInt64(max(0, drainMilliseconds))
        let deadline = time.monotonicNanoseconds() + drain * 1_000_000
        let isRunning = shared.withLock {
            $0.stopDeadline = min($0.stopDeadline ?? .max, deadline)
            return $0.running > 0
        }
        wakeAll()
        if !isRunning { return }
        WorkerThread.start("delivery-stop") { [self] in
            // A call that blocks beyond the deadline is interrupted; again, should one have begun just then.
            while true {
                let now = time.monotonicNanoseconds()
                let left = deadline > now ? (deadline - now + 999_999) / 1_000_000 : 200
                if ended.wait(milliseconds: Int(clamping: left)) { break }
                // A signal can end the wait early.
                if time.monotonicNanoseconds() >= deadline {
                    for connection in connections { connection.session.interrupt() }
                }
            }
            // For another thread that waits here.
            ended.signal()
        }
    }

    // MARK: One connection's thread

    private func serve(_ connection: DeliveryConnection<Session>, _ coordinator: DeliveryCoordinator<Time>) {
        let engine = DeliveryEngine(
            coordinator, connection: connection.number, session: connection.session, source: connection.source)
        do {
            while try goOn(engine, connection, coordinator) {}
        } catch {
            // What one cannot read no other delivers around: the daemon ends.
            shared.withLock { $0.failure = $0.failure ?? error }
            stop(drainMilliseconds: 0)
        }
        connection.session.disconnect()
        shared.withLock {
            $0.running -= 1
            if connection.isFirst { $0.hasFirstEnded = true }
        }
        wakeAll()
    }

    /// One round: goes on until there is something to wait for, and waits. False: stopped.
    private func goOn(
        _ engine: DeliveryEngine<Session, Time>, _ connection: DeliveryConnection<Session>,
        _ coordinator: DeliveryCoordinator<Time>
    ) throws -> Bool {
        if shared.withLock({ $0.stopDeadline != nil }) { coordinator.drain() }
        let pause = try engine.advance {
            shared.withLock { $0.stopDeadline }.map { time.monotonicNanoseconds() >= $0 } ?? false
        }
        let (isStopping, isLast, hasFirstEnded) = shared.withLock {
            ($0.stopDeadline != nil, $0.running == 1, $0.hasFirstEnded)
        }
        switch pause {
        case .stopped: return false
        case .gathering(let milliseconds):
            if !isStopping { connection.wakeUp.wait(milliseconds: milliseconds) }
        case .idle(let milliseconds):
            if !isStopping {
                connection.wakeUp.wait(milliseconds: milliseconds)
            } else if connection.isFirst, !isLast {
                // The others may need it yet, to compare the position rows.
                waitForOthers(connection)
            } else {
                return false
            }
        case .parked:
            if isStopping, hasFirstEnded { return false }
            waitForOthers(connection)
        case .wait(let milliseconds):
            if isStopping { return false }
            waitOut(milliseconds, connection)
        }
        try engine.resume()
        return true
    }

    /// Waits for a wake-up; at a stop, no longer than there is time.
    private func waitForOthers(_ connection: DeliveryConnection<Session>) {
        let now = time.monotonicNanoseconds()
        let left = shared.withLock { $0.stopDeadline }.map { $0 > now ? Int(($0 - now + 999_999) / 1_000_000) : 0 }
        connection.wakeUp.wait(milliseconds: left)
    }

    /// Waits that long, whatever becomes durable meanwhile; a stop ends it.
    private func waitOut(_ milliseconds: Int, _ connection: DeliveryConnection<Session>) {
        let end = time.monotonicNanoseconds() + UInt64(milliseconds) * 1_000_000
        while true {
            let now = time.monotonicNanoseconds()
            // The first connection takes every order, so that none of them spins.
            if now >= end || connection.isFirst && orders.areWaiting { return }
            if shared.withLock({ $0.stopDeadline != nil }) { return }
            connection.wakeUp.wait(milliseconds: Int((end - now + 999_999) / 1_000_000))
        }
    }

    private func wakeAll() {
        for connection in connections { connection.wakeUp.signal() }
    }
}

extension SystemRandomNumberGenerator {
    static func seed() -> UInt64 {
        var generator = SystemRandomNumberGenerator()
        return generator.next()
    }
}
