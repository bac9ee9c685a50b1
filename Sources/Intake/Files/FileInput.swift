import Instruments
import LinuxSystem
import OperationLogs
import Synchronization

/// An input that follows files: the globs of one `type: file` entry.
///
/// A file is known by inode, birth time and content, never by name; see <doc:FilePositions>. Lines and the positions
/// that they advance go to the spool in the same chunk, so that no line is lost or read twice, across restarts too.
///
/// Related system calls: `inotify_add_watch`, `openat`, `statx`, `pread`.
public final class FileInput<Clock: TimeSource>: Sendable {
    private let options: FileInputOptions
    private let limits: FileInputLimits
    private let sink: any RecordSink
    private let recovered: [(key: [UInt8], value: [UInt8])]
    private let clock: Clock
    private let watermarkClock: WatermarkClock
    private let diagnostics: Diagnostics
    private let registry: Registry
    private let claims: FileClaims
    private let losses: (any LostSources)?
    private let board: FileInputBoard
    private let wake: EventDescriptor
    private let stopping = Atomic<Bool>(false)

    /// - Parameters:
    ///   - recovered: the positions that the spool holds of this input: those whose key begins with
    ///     `positionKeyPrefix(input:)`.
    ///   - claims: shared by all file inputs of a daemon.
    ///   - losses: tells what the spool has lost; nil of a spool that loses nothing.
    /// - Throws: `SystemError` where the process is out of descriptors.
    public init(
        _ options: FileInputOptions, limits: FileInputLimits = FileInputLimits(), sink: any RecordSink,
        recovered: [(key: [UInt8], value: [UInt8])], clock: Clock, watermarkClock: WatermarkClock,
        diagnostics: Diagnostics, registry: Registry, claims: FileClaims = FileClaims(),
        losses: (any LostSources)? = nil
    ) throws(SystemError) {
        self.options = options
        self.limits = limits
        self.sink = sink
        self.recovered = recovered
        self.clock = clock
        self.watermarkClock = watermarkClock
        self.diagnostics = diagnostics
        self.registry = registry
        self.claims = claims
        self.losses = losses
        wake = try EventDescriptor()
        let board = FileInputBoard(name: options.name)
        self.board = board
        registry.gauge(
            "opslogd_input_lag_bytes", help: "Bytes that were seen in files and are not read yet.",
            labels: [("input", options.name)], computedBy: { Double(board.lagBytes) })
    }

    /// What the keys of an input's positions begin with: its name and a zero byte.
    public static func positionKeyPrefix(input: String) -> [UInt8] { FilePositionKey.mark(input: input) }

    /// Follows the files until `stop()`; blocks. To be called once, on a thread of its own.
    ///
    /// When it returns, all that was read is durable, or five seconds have passed; what is not is read again at the next
    /// start.
    public func run() { run(over: MountedFileSystem()) }

    func run(over fileSystem: some SourceFileSystem) {
        let tailer = FileTailer(
            options: options, limits: limits, sink: sink, wake: wake, fileSystem: fileSystem, clock: clock,
            watermarkClock: watermarkClock, diagnostics: diagnostics, registry: registry, board: board, claims: claims,
            losses: losses)
        tailer.run(recovered: recovered, stopping: stopping)
    }

    /// Makes `run()` read no more and return. From any thread; a second call is nothing.
    public func stop() {
        stopping.store(true, ordering: .releasing)
        wake.signal()
    }

    public var status: FileInputStatus { board.status }
}
