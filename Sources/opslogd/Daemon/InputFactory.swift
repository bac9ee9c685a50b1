import DaemonConfiguration
import Instruments
import Intake
import LinuxSystem
import OperationLogs
import Spool
import Telemetry

/// Makes each input with what all of them share.
struct InputFactory {
    let sink: any RecordSink
    let time: SystemTime
    let watermarkClock: WatermarkClock
    let maxFuture: Duration
    /// Of all inputs; each takes those whose key begins with its name.
    let recovered: [SnapshotEntry]
    let losses: any LostSources
    let registry: Registry
    let log: DaemonLog
    private let handedOver = HandedOverSocket.takeAll()
    /// So that two inputs that match one file read it once.
    private let claims = FileClaims()

    init(
        sink: any RecordSink, time: SystemTime, watermarkClock: WatermarkClock, maxFuture: Duration,
        recovered: [SnapshotEntry], losses: any LostSources, registry: Registry, log: DaemonLog
    ) {
        self.sink = sink
        self.time = time
        self.watermarkClock = watermarkClock
        self.maxFuture = maxFuture
        self.recovered = recovered
        self.losses = losses
        self.registry = registry
        self.log = log
    }

    func socket(_ input: InputSettings) throws -> SocketInput<SystemTime>? {
        guard case .socket(let settings) = input else { return nil }
        let inherited = handedOver.first { $0.path == settings.path }?.descriptor
        return SocketInput(
            SocketInputOptions(settings, maxFuture: maxFuture, inherited: inherited), sink: sink, time: time,
            watermarkClock: watermarkClock, diagnostics: log.diagnostics(of: "intake"), registry: registry)
    }

    func file(_ input: InputSettings) throws -> FileInput<SystemTime>? {
        guard case .file(let settings) = input else { return nil }
        let prefix = FileInput<SystemTime>.positionKeyPrefix(input: settings.name)
        return try FileInput(
            FileInputOptions(settings, maxFuture: maxFuture), sink: sink,
            recovered: recovered.filter { $0.key.starts(with: prefix) }, clock: time, watermarkClock: watermarkClock,
            diagnostics: log.diagnostics(of: "intake"), registry: registry, claims: claims,
            losses: losses)
    }
}
