import Instruments
import LinuxSystem
import OperationLogs
import Synchronization

/// How a socket input is set up.
public struct SocketInputOptions: Sendable {
    /// The input's name in the configuration.
    public var name: String
    /// Where the socket stands; at most 107 bytes.
    public var path: String
    /// Who may write to it, as chmod(2) has it. Not applied to a socket that was handed over.
    public var mode: UInt32 = 0o660
    /// The socket's group; nil leaves it as it comes.
    public var group: String?
    /// Who may send which events; nil: whoever may open the socket, everything.
    public var allow: [PeerRule]?
    /// Connections served at once; those beyond it wait in the backlog.
    public var maxConnections = 512
    /// Without the line's end.
    public var maxLineBytes = 1 << 20
    /// How far ahead of the time of receipt a `log_time` or `updated_at` may be.
    public var maxFutureMicroseconds: Int64 = 86_400_000_000
    /// How lines name events and columns.
    public var dialect = LineDialect.documented
    /// A listening descriptor that the service manager handed over; the input takes it over.
    public var inherited: Int32?
    /// What may be under way to the spool before nothing more is read.
    public var windowBytes = ChunkWindow.defaultLimitBytes
    /// The longest stop, from `stop()` to the end of `run()`.
    public var stopMilliseconds = 5000

    public init(name: String, path: String) {
        self.name = name
        self.path = path
    }
}

/// What `status` shows of a socket input.
public struct SocketInputStatus: Sendable, Hashable {
    public let name: String
    public let path: String
    /// Open now.
    public let connections: Int
    /// Whether new connections are taken. Not while `max_connections` are open, nor while the process is out of
    /// descriptors, nor before and after `run()`.
    public let isAccepting: Bool
}

/// A Unix stream socket on which processes send event lines.
///
/// Guarantees: a connection whose first line is `{"opslogd":{"ack":true}}` is told `{"durable":N}` only when its first N
/// lines are on disk, and of a rejected line before the number that covers it. When the spool takes no more, nothing is
/// read: producers block, nothing is dropped. Every connection gets one read a round, so none starves the others.
///
/// One thread runs it; `stop()` and `status` may be called from any.
public final class SocketInput<Time: TimeSource>: Sendable {
    public let options: SocketInputOptions
    private let sink: any RecordSink
    private let time: Time
    private let watermarkClock: WatermarkClock
    private let watermarks: (any WatermarkReader)?
    private let diagnostics: Diagnostics
    private let registry: Registry
    private let opened = Mutex<OpenedSocket?>(nil)
    private let progress: SocketProgress

    /// - Parameter watermarks: answers clients' questions for the newest watermark of a pipeline.
    public init(
        _ options: SocketInputOptions, sink: any RecordSink, time: Time, watermarkClock: WatermarkClock,
        watermarks: (any WatermarkReader)? = nil,
        diagnostics: Diagnostics, registry: Registry
    ) {
        self.options = options
        self.sink = sink
        self.time = time
        self.watermarkClock = watermarkClock
        self.watermarks = watermarks
        self.diagnostics = diagnostics
        self.registry = registry
        progress = SocketProgress(
            connectionsGauge: registry.gauge(
                "opslogd_connections", help: "Connections of a socket input that are open.",
                labels: [("input", options.name)]))
    }

    /// Listens. Clients can connect when this returns; they are served when `run()` runs.
    ///
    /// Users and groups that `allow` names are looked up here, once: a change of them holds from the next start on.
    /// A socket file that a former process left behind gives way if it is a socket, ours, and nobody answers.
    /// - Throws: `SocketOpenError`; a descriptor handed over is closed then.
    public func open() throws {
        let made = try OpenedSocket(
            .stream, path: options.path, inherited: options.inherited, mode: options.mode, group: options.group,
            allow: options.allow)
        opened.withLock { $0 = made }
    }

    /// Serves connections until `stop()` was called and everything that was queued then is durable and acknowledged, or
    /// the time for that is over. Call it once, after `open()`, on a thread of its own.
    ///
    /// - Throws: `SystemError` where the event queue cannot be made or waited for.
    public func run() throws {
        guard let opened = opened.withLock({ $0 }) else { return }
        let window = ChunkWindow(
            input: options.name, sink: sink, wake: opened.wake, registry: registry, limitBytes: options.windowBytes)
        let loop = try SocketLoop(
            options, listener: opened.socket, permissions: opened.permissions, wake: opened.wake,
            intake: LineIntake(options, window: window, watermarkClock: watermarkClock), watermarks: watermarks,
            time: time, progress: progress, diagnostics: diagnostics)
        defer {
            self.opened.withLock { $0 = nil }
            progress.note(connections: 0)
            progress.isAccepting.store(false, ordering: .relaxed)
        }
        try loop.run()
    }

    /// Asks `run()` to end: what stands in the backlog is accepted (of a socket made here), what is queued is read, made
    /// durable and acknowledged. Returns at once.
    public func stop() {
        progress.isStopping.store(true, ordering: .releasing)
        opened.withLock { $0?.wake.signal() }
    }

    /// Rounds of the loop so far: none are added while nothing happens.
    var rounds: Int { progress.rounds.load(ordering: .relaxed) }

    public var status: SocketInputStatus {
        SocketInputStatus(
            name: options.name, path: options.path, connections: progress.connections.load(ordering: .relaxed),
            isAccepting: progress.isAccepting.load(ordering: .relaxed))
    }
}

/// What other threads see of an input, and ask of it.
final class SocketProgress: Sendable {
    let isStopping = Atomic<Bool>(false)
    let isAccepting = Atomic<Bool>(false)
    let connections = Atomic<Int>(0)
    let rounds = Atomic<Int>(0)
    private let connectionsGauge: Gauge

    init(connectionsGauge: Gauge) { self.connectionsGauge = connectionsGauge }

    func note(connections count: Int) {
        connections.store(count, ordering: .relaxed)
        connectionsGauge.set(count)
    }
}
