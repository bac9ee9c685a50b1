import Instruments
import LinuxSystem
import OperationLogs
import SimulatedWorld
import Synchronization
import Testing

@testable import Delivery

/// A clock that stands still until it is moved.
final class ManualTime: TimeSource {
    private let nanoseconds = Atomic<UInt64>(1_000_000_000)

    func realtimeMicroseconds() -> Int64 {
        Int64(monotonicNanoseconds() / 1000) + Timestamp(microseconds: 0).unixMicroseconds
    }
    func monotonicNanoseconds() -> UInt64 { nanoseconds.load(ordering: .relaxed) }
    func advance(milliseconds: Int) { nanoseconds.add(UInt64(milliseconds) * 1_000_000, ordering: .relaxed) }
}

/// Everything around one delivery: a spool, a ledger, dead letters, a database and a clock, all in memory.
final class DeliveryWorld: @unchecked Sendable {
    let spool: MemorySpool
    let ledger: MemoryLedger
    let deadLetters = MemoryDeadLetters()
    let database: SimulatedDatabase
    let time = ManualTime()
    let registry = Registry()
    let said = Mutex<[String]>([])
    var options: DeliveryOptions
    var seed: UInt64 = 1
    private(set) var session: SimulatedSession
    private var isPaused = false
    private(set) var coordinator: DeliveryCoordinator<ManualTime>?
    private(set) var engine: DeliveryEngine<SimulatedSession, ManualTime>?

    init(
        _ options: DeliveryOptions = DeliveryOptions(host: "test"), spool: MemorySpool = MemorySpool(),
        ledger: MemoryLedger = MemoryLedger(), database: SimulatedDatabase = SimulatedDatabase()
    ) {
        self.options = options
        self.spool = spool
        self.ledger = ledger
        self.database = database
        session = SimulatedSession(database)
    }

    @discardableResult
    func start() -> DeliveryEngine<SimulatedSession, ManualTime> {
        session = SimulatedSession(database)
        let coordinator = DeliveryCoordinator(
            ledger: ledger, deadLetters: deadLetters, options: options, time: time, metrics: DeliveryMetrics(registry),
            diagnostics: Diagnostics { [said = Said(self)] severity, text in said.add("\(severity): \(text)") },
            seed: seed)
        self.coordinator = coordinator
        let engine = DeliveryEngine(coordinator, session: session, source: spool)
        self.engine = engine
        isPaused = false
        return engine
    }

    /// Delivers until nothing is left to do, or that much time has gone by.
    /// - Parameter until: asked before each step; true leaves everything as it is, like a crash.
    /// - Returns: whether everything has its fate.
    @discardableResult
    func run(forMilliseconds limit: Int = 3_600_000, until isStopped: () -> Bool = { false }) throws -> Bool {
        let engine = engine ?? start()
        if isPaused { try engine.resume() }
        isPaused = true
        var left = limit
        while true {
            switch try engine.advance(isStopped: isStopped) {
            case .parked: return false
            case .stopped:
                isPaused = false
                return false
            case .idle(nil): return true
            case .idle(let milliseconds?), .wait(let milliseconds), .gathering(let milliseconds):
                left -= max(1, milliseconds)
                if left <= 0 { return false }
                time.advance(milliseconds: milliseconds)
            }
            try engine.resume()
        }
    }

    /// More has become durable while delivery was idle.
    func append(_ chunks: [[TestRecord]]) { spool.append(chunks, run: ledger.run) }

    /// The state directory copied: a world beside this one, with the same database.
    func copy() -> DeliveryWorld {
        DeliveryWorld(options, spool: spool.copy(), ledger: ledger.copy(), database: database)
    }

    /// The daemon started anew on what is there.
    func restart(lagging notes: Int = 0, high: UInt64 = 100) {
        ledger.restart(lagging: notes, after: spool.durable, high: high)
        start()
    }

    /// The payloads that each table should hold: the spool's, in order, without those that are dead letters.
    func expected(_ kind: EventKind) -> [[UInt8]] {
        spool.records.enumerated().filter {
            $0.element.kind == kind.rawValue && deadLetters.letters[UInt64($0.offset + 1)] == nil
        }.map(\.element.payload)
    }

    /// Every record is exactly once in its table or a dead letter, in order, and the positions fit.
    func expectExactlyOnce(_ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation) {
        for kind in EventKind.allCases where kind != .pipelineWatermarks {
            #expect(database.state.tables[kind] ?? [] == expected(kind), comment, sourceLocation: sourceLocation)
        }
        var reference = SimulatedDatabase.State()
        for payload in expected(.pipelineWatermarks) { reference.apply(payload) }
        #expect(database.state.watermarks == reference.watermarks, comment, sourceLocation: sourceLocation)
        for (kind, row) in database.state.positions {
            let last = spool.records.enumerated().last {
                $0.element.kind == kind.rawValue && deadLetters.letters[UInt64($0.offset + 1)] == nil
            }
            #expect(
                row.position.rawValue == last.map { UInt64($0.offset + 1) } ?? 0, comment,
                sourceLocation: sourceLocation)
        }
        #expect(ledger.settled == spool.durable, comment, sourceLocation: sourceLocation)
        #expect(database.violations.isEmpty, comment, sourceLocation: sourceLocation)
    }

    /// Lets a `Diagnostics` closure reach the world's list.
    final class Said: Sendable {
        private unowned let world: DeliveryWorld
        init(_ world: DeliveryWorld) { self.world = world }
        func add(_ text: String) { world.said.withLock { $0.append(text) } }
    }

    var messages: [String] { said.withLock { $0 } }

    func value(_ name: String, _ label: String? = nil) -> Double {
        for family in registry.read() where family.name == name {
            for series in family.series where label == nil || series.labels.contains(where: { $0.value == label }) {
                switch series.reading {
                case .counter(let count): return Double(count)
                case .gauge(let value): return value
                case .histogram(_, let reading): return Double(reading.counts.reduce(0, +))
                }
            }
        }
        return .nan
    }
}
