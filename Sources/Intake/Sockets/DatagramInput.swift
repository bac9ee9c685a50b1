import Instruments
import LinuxSystem
import OperationLogs
import Synchronization

/// How a datagram input is set up.
public struct DatagramInputOptions: Sendable {
    /// The input's name in the configuration.
    public var name: String
    /// Where the socket stands; at most 107 bytes.
    public var path: String
    /// Who may send to it, as chmod(2) has it. Not applied to a socket that was handed over.
    public var mode: UInt32 = 0o660
    /// The socket's group; nil leaves it as it comes.
    public var group: String?
    /// Who may send which events; nil: whoever may open the socket, everything. A group is the sender's primary one:
    /// the kernel tells no others with a datagram.
    public var allow: [PeerRule]?
    /// Without the line's end.
    public var maxLineBytes = 1 << 20
    /// How lines name events and columns.
    public var dialect = LineDialect.documented
    /// How far ahead of the time of receipt a `log_time` or `updated_at` may be.
    public var maxFutureMicroseconds: Int64 = 86_400_000_000
    /// A descriptor that the service manager handed over; the input takes it over.
    public var inherited: Int32?
    /// What may be under way to the spool before nothing more is received.
    public var windowBytes = ChunkWindow.defaultLimitBytes
    /// The longest stop, from `stop()` to the end of `run()`.
    public var stopMilliseconds = 5000

    public init(name: String, path: String) {
        self.name = name
        self.path = path
    }
}

/// What `status` shows of a datagram input.
public struct DatagramInputStatus: Sendable, Hashable {
    public let name: String
    public let path: String
    /// Whether datagrams are received. Not while the spool takes nothing, nor before and after `run()`.
    public let isReceiving: Bool
}

/// A Unix datagram socket to which processes send event lines, one a datagram, without being answered.
///
/// Guarantees: each datagram that was received becomes one record, an event or a rejected line, with the sender that the
/// kernel names; one of white space only becomes none. When the spool takes no more, nothing is received: the kernel's
/// queue fills, and senders wait or are told `EAGAIN`. What is received and not yet durable, or still in the kernel's
/// queue, is lost if the process is killed.
///
/// One thread runs it; `stop()` and `status` may be called from any.
public final class DatagramInput<Time: TimeSource>: Sendable {
    public let options: DatagramInputOptions
    private let sink: any RecordSink
    private let time: Time
    private let watermarkClock: WatermarkClock
    private let diagnostics: Diagnostics
    private let registry: Registry
    private let opened = Mutex<OpenedSocket?>(nil)
    private let progress = DatagramProgress()

    public init(
        _ options: DatagramInputOptions, sink: any RecordSink, time: Time, watermarkClock: WatermarkClock,
        diagnostics: Diagnostics, registry: Registry
    ) {
        self.options = options
        self.sink = sink
        self.time = time
        self.watermarkClock = watermarkClock
        self.diagnostics = diagnostics
        self.registry = registry
    }

    /// Opens the socket. What is sent from now on waits in the kernel's queue until `run()` runs.
    ///
    /// Users and groups that `allow` names are looked up here, once. A socket file that a former process left behind
    /// gives way if it is a socket, ours, and nobody has it open.
    /// - Throws: `SocketOpenError`; a descriptor handed over is closed then.
    public func open() throws {
        let made = try OpenedSocket(
            .datagram, path: options.path, inherited: options.inherited, mode: options.mode, group: options.group,
            allow: options.allow)
        opened.withLock { $0 = made }
    }

    /// Receives until `stop()` was called and everything that was queued then is durable, or the time for that is over.
    /// Call it once, after `open()`, on a thread of its own.
    ///
    /// - Throws: `SystemError` where the event queue cannot be made or waited for.
    public func run() throws {
        guard let opened = opened.withLock({ $0 }) else { return }
        let window = ChunkWindow(
            input: options.name, sink: sink, wake: opened.wake, registry: registry, limitBytes: options.windowBytes)
        let loop = try DatagramLoop(
            options, socket: opened.socket, wake: opened.wake,
            intake: DatagramIntake(
                options, window: window, permissions: opened.permissions, watermarkClock: watermarkClock),
            time: time, progress: progress, diagnostics: diagnostics)
        defer {
            self.opened.withLock { $0 = nil }
            progress.isReceiving.store(false, ordering: .relaxed)
        }
        try loop.run()
    }

    /// Asks `run()` to end: what is queued is received and made durable. A socket made here takes no more from now on:
    /// senders are told `EPIPE` or `ECONNREFUSED`. What comes to one that was handed over is left to who comes next.
    /// Returns at once.
    public func stop() {
        progress.isStopping.store(true, ordering: .releasing)
        opened.withLock { $0?.wake.signal() }
    }

    /// Rounds of the loop so far: none are added while nothing happens.
    var rounds: Int { progress.rounds.load(ordering: .relaxed) }

    public var status: DatagramInputStatus {
        DatagramInputStatus(
            name: options.name, path: options.path, isReceiving: progress.isReceiving.load(ordering: .relaxed))
    }
}

/// What other threads see of an input, and ask of it.
final class DatagramProgress: Sendable {
    let isStopping = Atomic<Bool>(false)
    let isReceiving = Atomic<Bool>(false)
    let rounds = Atomic<Int>(0)
}
