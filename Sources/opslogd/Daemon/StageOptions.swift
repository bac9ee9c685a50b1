import DaemonConfiguration
import DeadLetters
import Delivery
import Glibc
import Instruments
import Intake
import OperationLogs
import Spool

/// The configuration's values as each stage's own options.
extension SpoolOptions {
    init(_ settings: SpoolSettings) {
        self.init(
            maxBytes: UInt64(settings.maxBytes), segmentBytes: UInt64(settings.segmentBytes),
            minFreeBytes: UInt64(settings.minFreeBytes), sync: Sync(settings.sync),
            keepDeliveredBytes: UInt64(settings.keepDelivered.bytes),
            keepDeliveredAgeSeconds: Int(settings.keepDelivered.age.components.seconds))
    }
}

extension SpoolOptions.Sync {
    init(_ settings: SpoolSettings.Sync) {
        self =
            switch settings {
            case .group: .group
            case .interval(let duration): .interval(milliseconds: duration.milliseconds)
            }
    }
}

extension DeliveryOptions {
    init(_ settings: DeliverySettings) {
        self.init(
            batchEvents: settings.batchEvents, batchWaitMilliseconds: settings.batchWait.milliseconds,
            retryInitialMilliseconds: settings.retry.initial.milliseconds,
            retryMaxMilliseconds: settings.retry.max.milliseconds, connections: settings.connections,
            host: Self.hostName)
    }

    /// Stands in the position rows, for people.
    private static var hostName: String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "unknown" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

extension DeadLetterLimits {
    init(_ settings: DeadLetterSettings, inputs: [String]) {
        self.init(
            maxBytes: UInt64(settings.maxBytes), maxAgeSeconds: settings.maxAge.map { $0.components.seconds },
            whenFull: settings.whenFull == .wait ? .wait : .dropOldest, inputs: inputs)
    }
}

extension SocketInputOptions {
    init(_ settings: SocketInputSettings, maxFuture: Duration) {
        self.init(name: settings.name, path: settings.path)
        mode = settings.mode
        group = settings.group
        allow = settings.allow
        maxConnections = settings.maxConnections
        maxLineBytes = settings.maxLineBytes
        maxFutureMicroseconds = maxFuture.microseconds
        dialect = LineDialect(settings.mapping)
    }
}

extension DatagramInputOptions {
    init(_ settings: DatagramInputSettings, maxFuture: Duration) {
        self.init(name: settings.name, path: settings.path)
        mode = settings.mode
        group = settings.group
        allow = settings.allow
        maxLineBytes = settings.maxLineBytes
        maxFutureMicroseconds = maxFuture.microseconds
        dialect = LineDialect(settings.mapping)
    }
}

extension FileInputOptions {
    init(_ settings: FileInputSettings, maxFuture: Duration) {
        self.init(
            name: settings.name, paths: settings.paths, exclude: settings.exclude,
            startAt: settings.startAt == .end ? .end : .beginning, rotated: settings.rotated,
            maxLineBytes: settings.maxLineBytes, maxOpenFiles: settings.maxOpenFiles,
            maxFutureMicroseconds: maxFuture.microseconds, dialect: LineDialect(settings.mapping))
    }
}

extension JournalInputOptions {
    init(_ settings: JournalInputSettings, maxFuture: Duration) {
        self.init(name: settings.name, units: settings.units)
        identifiers = settings.identifiers
        directory = settings.directory
        startAt = settings.startAt == .end ? .end : .beginning
        maxLineBytes = settings.maxLineBytes
        maxFutureMicroseconds = maxFuture.microseconds
        dialect = LineDialect(settings.mapping)
    }
}

extension DaemonLog {
    convenience init(_ settings: LogSettings) {
        let level: Diagnostics.Severity =
            switch settings.level {
            case .debug: .debug
            case .info: .info
            case .notice: .notice
            case .warning: .warning
            case .error: .error
            }
        self.init(level: level, format: settings.format == .json ? .json : .text)
    }
}

extension Duration {
    var milliseconds: Int { Int(components.seconds) * 1000 + Int(components.attoseconds / 1_000_000_000_000_000) }
    var microseconds: Int64 { components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000 }
}
