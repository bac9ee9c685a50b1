import DaemonConfiguration
import Glibc
import Instruments
import Intake
import LinuxSystem
import OperationLogs
import Spool
import SystemJournal
import Telemetry

/// Makes each input with what all of them share.
struct InputFactory {
    let sink: any RecordSink
    let time: SystemTime
    let watermarkClock: WatermarkClock
    let watermarks: any WatermarkReader
    let maxFuture: Duration
    /// Of all inputs; each takes those whose key begins with its name.
    let recovered: [SnapshotEntry]
    let losses: any LostSources
    let registry: Registry
    let log: DaemonLog
    private let handedOver: HandedOverSockets
    /// So that two inputs that match one file read it once.
    private let claims = FileClaims()
    private let fileLimits: FileInputLimits

    init(
        inputs: [InputSettings], sink: any RecordSink, time: SystemTime, watermarkClock: WatermarkClock,
        watermarks: any WatermarkReader, maxFuture: Duration, recovered: [SnapshotEntry], losses: any LostSources,
        registry: Registry, log: DaemonLog
    ) {
        handedOver = HandedOverSockets(HandedOverSocket.takeAll(), for: inputs.compactMap(\.socketInput))
        self.sink = sink
        self.time = time
        self.watermarkClock = watermarkClock
        self.watermarks = watermarks
        self.maxFuture = maxFuture
        self.recovered = recovered
        self.losses = losses
        self.registry = registry
        self.log = log
        fileLimits = Self.fileLimits(inputs)
        for socket in handedOver.unclaimed {
            log.write(
                .warning, "intake",
                "the service manager handed over \(socket.path ?? "a descriptor") (\(socket.name)), which is no input's "
                    + "path or name; it is closed, and nobody is served there")
            close(socket.descriptor)
        }
    }

    func socket(_ input: InputSettings) throws -> SocketInput<SystemTime>? {
        guard case .socket(let settings) = input else { return nil }
        var options = SocketInputOptions(settings, maxFuture: maxFuture)
        (options.inherited, options.path) = place(of: settings.name, settings.path)
        return SocketInput(
            options, sink: sink, time: time, watermarkClock: watermarkClock, watermarks: watermarks,
            diagnostics: log.diagnostics(of: "intake"), registry: registry)
    }

    func datagram(_ input: InputSettings) throws -> DatagramInput<SystemTime>? {
        guard case .datagram(let settings) = input else { return nil }
        var options = DatagramInputOptions(settings, maxFuture: maxFuture)
        (options.inherited, options.path) = place(of: settings.name, settings.path)
        return DatagramInput(
            options, sink: sink, time: time, watermarkClock: watermarkClock,
            diagnostics: log.diagnostics(of: "intake"), registry: registry)
    }

    /// The socket that was handed over for an input, and where the input listens: there, or on its own path.
    private func place(of input: String, _ path: String) -> (descriptor: Int32?, path: String) {
        guard let socket = handedOver[input] else { return (nil, path) }
        let actual = socket.path ?? path
        if actual != path {
            log.write(
                .notice, "intake",
                "input \(input): listens on \(actual), which the service manager handed over by its name, and not on \(path)"
            )
        }
        return (socket.descriptor, actual)
    }

    /// Half of the process's descriptors are for followed files, in equal shares; the rest is for connections, segments and
    /// the database.
    private static func fileLimits(_ inputs: [InputSettings]) -> FileInputLimits {
        var limits = FileInputLimits()
        let count = inputs.count { if case .file = $0 { true } else { false } }
        limits.maxOpen = max(16, ProcessLimits.openFiles / 2 / max(1, count))
        return limits
    }

    func file(_ input: InputSettings) throws -> FileInput<SystemTime>? {
        guard case .file(let settings) = input else { return nil }
        let prefix = FileInput<SystemTime>.positionKeyPrefix(input: settings.name)
        return try FileInput(
            FileInputOptions(settings, maxFuture: maxFuture), limits: fileLimits, sink: sink,
            recovered: recovered.filter {
                $0.key.starts(with: prefix) && !JournalInput<SystemTime>.isPositionKey($0.key)
            }, clock: time, watermarkClock: watermarkClock,
            diagnostics: log.diagnostics(of: "intake"), registry: registry, claims: claims,
            losses: losses)
    }

    func journal(_ input: InputSettings) throws -> DaemonJournalInput? {
        guard case .journal(let settings) = input else { return nil }
        var options = JournalInputOptions(settings, maxFuture: maxFuture)
        // The daemon's own lines would come out of the lines that it has taken.
        options.ownUnit = OwnUnit.service
        return DaemonJournalInput(
            input: try JournalInput(
                options, sink: sink, recovered: recovered.map { ($0.key, $0.value) }, clock: time,
                watermarkClock: watermarkClock, diagnostics: log.diagnostics(of: "intake"), registry: registry,
                losses: losses),
            directory: settings.directory, maxLineBytes: settings.maxLineBytes)
    }
}

/// A journal input, with the journal that it reads.
struct DaemonJournalInput {
    let input: JournalInput<SystemTime>
    let directory: String?
    let maxLineBytes: Int

    func run() { input.run { SystemJournalReader(directory: directory, maxLineBytes: maxLineBytes) } }
}

extension InputSettings {
    /// Of an input that listens on a Unix socket; nil of any other.
    fileprivate var socketInput: HandedOverSockets.Input? {
        switch self {
        case .socket(let settings): .init(name: settings.name, path: settings.path, isDatagram: false)
        case .datagram(let settings): .init(name: settings.name, path: settings.path, isDatagram: true)
        case .file, .journal: nil
        }
    }
}
