import Glibc
import Instruments
import Logging
import OperationLogs
import Synchronization

/// Where the daemon's log goes: standard error, as text or as JSON lines; under systemd with the journal's priorities.
///
/// Also keeps the last thing that went wrong, which `status` shows.
final class DaemonLog: Sendable {
    enum Format: Sendable { case text, json }

    struct LastError: Sendable {
        let time: Timestamp
        let severity: String
        let message: String
    }

    private let level: Diagnostics.Severity
    private let format: Format
    private let underJournal: Bool
    private let last = Mutex<LastError?>(nil)

    init(level: Diagnostics.Severity, format: Format) {
        self.level = level
        self.format = format
        // systemd sets it where standard error is connected to the journal, which adds the time itself.
        underJournal = getenv("JOURNAL_STREAM") != nil
    }

    var lastError: LastError? { last.withLock { $0 } }

    /// What a stage is given.
    func diagnostics(of stage: String) -> Diagnostics {
        Diagnostics { [self] severity, message in write(severity, stage, message) }
    }

    /// What libraries are given: only their warnings and errors are of use to whoever runs the daemon.
    func logger() -> Logger {
        var logger = Logger(label: "opslogd") { _ in LibraryLogHandler(log: self) }
        logger.logLevel = .warning
        return logger
    }

    func write(_ severity: Diagnostics.Severity, _ stage: String, _ message: String) {
        guard severity >= level else { return }
        let now = Timestamp(unixMicroseconds: Self.now())
        if severity >= .warning {
            last.withLock { $0 = LastError(time: now, severity: "\(severity)", message: "\(stage): \(message)") }
        }
        let line =
            switch format {
            case .json: json(severity, stage, message, now)
            case .text where underJournal: "\(priority(severity))\(stage): \(Printable.text(message))"
            case .text: "\(now.rfc3339) \(severity) \(stage): \(Printable.text(message))"
            }
        StandardError.write(line + "\n")
    }

    private func json(_ severity: Diagnostics.Severity, _ stage: String, _ message: String, _ now: Timestamp) -> String
    {
        var object = JSONObjectWriter()
        object.add("time", text: now.rfc3339)
        object.add("level", text: "\(severity)")
        object.add("stage", text: stage)
        object.add("message", text: message)
        return (underJournal ? priority(severity) : "") + object.text
    }

    /// The prefix of sd-daemon(3).
    private func priority(_ severity: Diagnostics.Severity) -> String {
        switch severity {
        case .debug: "<7>"
        case .info: "<6>"
        case .notice: "<5>"
        case .warning: "<4>"
        case .error: "<3>"
        case .critical: "<2>"
        }
    }

    private static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }
}

/// Takes what the libraries log.
private struct LibraryLogHandler: LogHandler {
    let log: DaemonLog
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.warning

    init(log: DaemonLog) { self.log = log }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        log.write(event.level >= .error ? .error : .warning, "service", "\(event.message)")
    }
}
