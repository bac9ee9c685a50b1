import Instruments
import LinuxSystem
import OperationLogs
import Synchronization

/// Delivers what is durable in the spool to the database: one connection, one thread.
///
/// From the start on it keeps a connection, and each durable record reaches its table exactly once, or stands in the
/// dead letters. `run()` blocks in the database's answers and, with nothing to deliver, in `poll` on its wake-up.
public final class DeliveryWorker<Session: DatabaseSession & SendableMetatype, Time: TimeSource>: @unchecked Sendable {
    // Unchecked: `session` and `source` are used by the thread in `run()` alone, but for `interrupt()`, which the port
    // allows from any thread; what other threads share is behind the mutex or atomic.
    private struct Shared {
        var status = DeliveryStatus()
        /// Monotonic nanoseconds; nil while nobody has asked to stop.
        var stopDeadline: UInt64?
        var isRunning = false
    }

    private let session: Session
    private let source: any RecordSource
    private let ledger: any DeliveryLedger
    private let deadLetters: any DeadLetterSink
    private let options: DeliveryOptions
    private let time: Time
    private let metrics: DeliveryMetrics
    private let diagnostics: Diagnostics
    private let wakeUp: EventDescriptor
    private let ended: EventDescriptor
    private let shared = Mutex(Shared())
    /// What operators order, for the thread in `run()`.
    public let orders = DeliveryOrders()

    /// - Throws: `SystemError` where the process is out of descriptors.
    public init(
        session: Session, source: any RecordSource, ledger: any DeliveryLedger, deadLetters: any DeadLetterSink,
        options: DeliveryOptions, time: Time, registry: Registry, diagnostics: Diagnostics
    ) throws(SystemError) {
        self.session = session
        self.source = source
        self.ledger = ledger
        self.deadLetters = deadLetters
        self.options = options
        self.time = time
        metrics = DeliveryMetrics(registry)
        self.diagnostics = diagnostics
        wakeUp = try EventDescriptor()
        ended = try EventDescriptor()
    }

    public var status: DeliveryStatus { shared.withLock { $0.status } }

    /// Delivers until it is stopped. Blocks; call it once, on a thread of its own.
    ///
    /// - Throws: what reading the spool throws, `SpoolGap` and `MalformedChunk` among it: nothing can be delivered then
    ///   without passing something over; and `DeadLettersUnusable`. The database's errors never end it.
    public func run() throws {
        let isStoppedBefore = shared.withLock { state in
            state.isRunning = true
            return state.stopDeadline != nil
        }
        defer {
            session.disconnect()
            metrics.setDatabaseUp(false)
            orders.close()
            shared.withLock { $0.isRunning = false }
            ended.signal()
        }
        // Nobody watches over the deadline of a stop that came first: nothing is begun that could outlast it.
        if isStoppedBefore { return shared.withLock { $0.status.state = "stopped" } }
        source.onDurable { [wakeUp] in wakeUp.signal() }
        orders.onArrival { [wakeUp] in wakeUp.signal() }
        let engine = DeliveryEngine(
            session: session, source: source, ledger: ledger, deadLetters: deadLetters, options: options, time: time,
            metrics: metrics, diagnostics: diagnostics, seed: SystemRandomNumberGenerator.seed(), orders: orders)
        while try goOn(engine) {}
        let status = engine.status
        shared.withLock {
            $0.status = status
            $0.status.state = "stopped"
            $0.status.isConnected = false
        }
    }

    /// Ends `run()`: it goes on delivering until nothing is left, the time is up, or there is something to wait for,
    /// the database being away or a table held up. What is left stays in the spool. From any thread, also again with a
    /// shorter time; returns at once.
    public func stop(drainMilliseconds: Int) {
        let drain = UInt64(max(0, drainMilliseconds))
        let deadline = time.monotonicNanoseconds() + drain * 1_000_000
        let isRunning = shared.withLock {
            $0.stopDeadline = min($0.stopDeadline ?? .max, deadline)
            return $0.isRunning
        }
        wakeUp.signal()
        if !isRunning { return }
        WorkerThread.start("delivery-stop") { [self] in
            // A call that blocks beyond the deadline is interrupted; again, should one have begun just then.
            while true {
                let now = time.monotonicNanoseconds()
                let left = deadline > now ? (deadline - now + 999_999) / 1_000_000 : 200
                if ended.wait(milliseconds: Int(clamping: left)) { break }
                // A signal can end the wait early.
                if time.monotonicNanoseconds() >= deadline { session.interrupt() }
            }
            // For another thread that waits here.
            ended.signal()
        }
    }

    /// One round: goes on until there is something to wait for, and waits. False: stopped.
    private func goOn(_ engine: DeliveryEngine<Session, Time>) throws -> Bool {
        if shared.withLock({ $0.stopDeadline != nil }) { engine.drain() }
        var shownAt: UInt64 = 0
        let pause = try engine.advance {
            let now = time.monotonicNanoseconds()
            // A step may block for long, behind a table lock say: what it is about to do is shown before.
            let status = now >= shownAt + 100_000_000 ? engine.status : nil
            if status != nil { shownAt = now }
            return shared.withLock { state in
                if let status { state.status = status }
                return state.stopDeadline.map { now >= $0 } ?? false
            }
        }
        let status = engine.status
        let isStopping = shared.withLock {
            $0.status = status
            return $0.stopDeadline != nil
        }
        switch pause {
        case .stopped: return false
        case .gathering(let milliseconds):
            if !isStopping { wakeUp.wait(milliseconds: milliseconds) }
        case .idle(let milliseconds):
            if isStopping { return false }
            wakeUp.wait(milliseconds: milliseconds)
        case .wait(let milliseconds):
            if isStopping { return false }
            waitOut(milliseconds)
        }
        try engine.resume()
        return true
    }

    /// Waits that long, whatever becomes durable meanwhile; a stop ends it.
    private func waitOut(_ milliseconds: Int) {
        let end = time.monotonicNanoseconds() + UInt64(milliseconds) * 1_000_000
        while true {
            let now = time.monotonicNanoseconds()
            if now >= end || orders.areWaiting || shared.withLock({ $0.stopDeadline != nil }) { return }
            wakeUp.wait(milliseconds: Int((end - now + 999_999) / 1_000_000))
        }
    }
}

extension SystemRandomNumberGenerator {
    static func seed() -> UInt64 {
        var generator = SystemRandomNumberGenerator()
        return generator.next()
    }
}
