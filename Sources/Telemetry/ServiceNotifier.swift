import CLibsystemd

/// Tells the service manager how the daemon is: sd_notify(3).
///
/// Without a service manager (`NOTIFY_SOCKET` unset) nothing happens. Nothing here blocks for long or throws: a daemon
/// does not end because nobody listens.
public struct ServiceNotifier: Sendable {
    public init() {}

    /// The inputs are open. `status` is a sentence for `systemctl status`.
    public func ready(status: String) { send("READY=1\nSTATUS=\(Self.line(status))") }

    /// A sentence for `systemctl status`.
    public func status(_ sentence: String) { send("STATUS=\(Self.line(sentence))") }

    /// The stop has begun.
    public func stopping(status: String) { send("STOPPING=1\nSTATUS=\(Self.line(status))") }

    /// The daemon is alive: to be sent at least twice within `watchdogInterval`.
    public func watchdog() { send("WATCHDOG=1") }

    /// The time after which the service manager takes silence for death (`WatchdogSec=` of the unit); nil if it does not
    /// watch this process: sd_watchdog_enabled(3).
    public var watchdogInterval: Duration? {
        var microseconds: UInt64 = 0
        guard sd_watchdog_enabled(0, &microseconds) > 0, microseconds > 0 else { return nil }
        return .microseconds(Int64(clamping: microseconds))
    }

    private func send(_ state: String) {
        // The environment is kept: every message needs it.
        sd_notify(0, state)
    }

    /// One line: a line end would begin another assignment.
    static func line(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7f ? " " : $0 }))
    }
}
