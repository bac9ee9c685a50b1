import Instruments
import LinuxSystem
import OperationLogs
import SimulatedWorld
import Synchronization

@testable import Intake

/// A clock that stands until it is moved.
final class StillClock: TimeSource {
    private let time = Atomic<UInt64>(1_000_000_000)
    func pass(milliseconds: Int) { time.add(UInt64(milliseconds) * 1_000_000, ordering: .relaxed) }
    func monotonicNanoseconds() -> UInt64 { time.load(ordering: .relaxed) }
    func realtimeMicroseconds() -> Int64 { 1_764_100_000_000_000 + Int64(time.load(ordering: .relaxed) / 1000) }
}

/// A journal in memory with an input over it, which is driven turn by turn on the test's own thread, and can be stopped,
/// killed and started again.
final class JournalScene {
    let journal = SimulatedJournal()
    let spool = TestSpool()
    let clock = StillClock()
    let registry = Registry()
    let messages = FileScene.Messages()
    let losses = TestLosses()
    var options = JournalInputOptions(name: "units", units: ["loader@*.service"])
    var limits = JournalInputLimits()
    private(set) var board: JournalBoard
    private var tailer: JournalTailer<SimulatedJournalReader, StillClock>?

    init() {
        options.maxLineBytes = 4096
        limits.stopMilliseconds = 0
        board = JournalBoard(options)
    }

    var position: JournalPosition? {
        spool.positions.first { JournalPositionKey.input($0.key) == "units" }.flatMap { JournalPosition($0.value) }
    }
    var texts: [String] { spool.texts }
    var warnings: [String] { messages.list.filter { !$0.hasPrefix("notice") } }
    var lost: UInt64 { board.status.entriesLost }

    /// - Parameter reading: to the end of what is there.
    /// - Returns: whether it may read.
    @discardableResult
    func start(reading: Bool = true) throws -> Bool {
        let messages = messages
        board = JournalBoard(options)
        let made = JournalTailer(
            options: options, limits: limits, reader: SimulatedJournalReader(journal), sink: spool,
            wake: try EventDescriptor(),
            clock: clock, watermarkClock: WatermarkClock(notBefore: Timestamp(microseconds: 0)),
            diagnostics: Diagnostics { severity, message in messages.add("\(severity): \(message)") },
            registry: registry, board: board, losses: losses)
        tailer = made
        guard made.begin(spool.positions.first { $0.key == JournalPositionKey.key(input: "units") }?.value) else {
            return false
        }
        if reading { read() }
        return true
    }

    /// Turns until nothing more is to be done at once.
    func read() {
        for _ in 0..<1000 where tailer?.turn() != true { break }
        while tailer?.turn() == true {}
    }

    /// One turn only.
    func turn() { _ = tailer?.turn() }

    /// Lets the input learn what has happened to the journal.
    func tell(_ change: JournalChange = .appended) {
        journal.change = change
        tailer?.rest()
        read()
    }

    func stop() {
        tailer?.end()
        tailer = nil
    }

    /// Nothing that is not durable now survives.
    func kill() {
        spool.die()
        tailer = nil
        spool.revive()
    }

    /// A line that becomes a cast error with this name.
    static func line(_ name: String) -> String { "{\"event\":\"cast_errors\",\"column_name\":\"\(name)\"}" }
}

extension SimulatedJournal {
    /// Lines that become cast errors with these names.
    func write(_ names: [String]) { for name in names { write(JournalScene.line(name)) } }
}
