import Instruments
import LinuxSystem
import OperationLogs
import Synchronization

/// An input that takes the lines which units print to standard output, from the journal: one `type: journal` entry.
///
/// Lines and the position that they advance go to the spool in the same chunk, so that no line is lost or read twice,
/// across restarts too; see <doc:JournalPositions>. When the spool takes no more, nothing is read: the journal keeps it.
public final class JournalInput<Clock: TimeSource>: Sendable {
    private let options: JournalInputOptions
    private let limits: JournalInputLimits
    private let sink: any RecordSink
    private let recovered: [UInt8]?
    private let clock: Clock
    private let watermarkClock: WatermarkClock
    private let diagnostics: Diagnostics
    private let registry: Registry
    private let losses: (any LostSources)?
    private let board: JournalBoard
    private let wake: EventDescriptor
    private let stopping = Atomic<Bool>(false)

    /// - Parameters:
    ///   - recovered: the positions that the spool holds, of all inputs.
    ///   - losses: tells what the spool has lost; nil of a spool that loses nothing.
    /// - Throws: `SystemError` where the process is out of descriptors.
    public init(
        _ options: JournalInputOptions, limits: JournalInputLimits = JournalInputLimits(), sink: any RecordSink,
        recovered: [(key: [UInt8], value: [UInt8])], clock: Clock, watermarkClock: WatermarkClock,
        diagnostics: Diagnostics, registry: Registry, losses: (any LostSources)? = nil
    ) throws(SystemError) {
        self.options = options
        self.limits = limits
        self.sink = sink
        let key = JournalPositionKey.key(input: options.name)
        self.recovered = recovered.first { $0.key == key }?.value
        self.clock = clock
        self.watermarkClock = watermarkClock
        self.diagnostics = diagnostics
        self.registry = registry
        self.losses = losses
        board = JournalBoard(options)
        wake = try EventDescriptor()
    }

    /// Whether a position of the spool is a journal's.
    public static func isPositionKey(_ key: [UInt8]) -> Bool { JournalPositionKey.input(key) != nil }

    /// Reads the journal until `stop()`; blocks. To be called once, on a thread of its own.
    ///
    /// When it returns, all that was read is durable, or five seconds have passed; what is not is read again at the next
    /// start.
    /// - Parameter makeReader: called on that thread.
    package func run(over makeReader: () -> some JournalReading) {
        let tailer = JournalTailer(
            options: options, limits: limits, reader: makeReader(), sink: sink, wake: wake, clock: clock,
            watermarkClock: watermarkClock, diagnostics: diagnostics, registry: registry, board: board, losses: losses)
        tailer.run(recovered: recovered, stopping: stopping)
    }

    /// Makes `run()` read no more and return. From any thread; a second call is nothing.
    public func stop() {
        stopping.store(true, ordering: .releasing)
        wake.signal()
    }

    public var status: JournalInputStatus { board.status }
}
