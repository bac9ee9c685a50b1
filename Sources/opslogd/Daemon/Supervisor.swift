import Glibc
import Instruments
import LinuxSystem
import ServiceLifecycle
import Telemetry
import UnixSignals

/// The signals that the daemon hears, from the moment that this is made: those that come early wait.
struct DaemonSignals: Sendable {
    let sequence: UnixSignalsSequence

    init() async { sequence = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup) }
}

/// Tells the service manager how the daemon is, and hears the signals that end it.
struct Supervisor: Service {
    let signals: DaemonSignals
    let log: DaemonLog
    /// A sentence for `systemctl status`.
    let sentence: @Sendable () -> String
    /// The first signal: the orderly stop.
    let stop: @Sendable () async -> Void
    /// The second one: no more waiting.
    let hurry: @Sendable () -> Void

    func run() async throws {
        let notifier = ServiceNotifier()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await hearSignals(notifier) }
            // Without a service manager nobody reads the sentence: then nothing wakes up for it.
            if getenv("NOTIFY_SOCKET") != nil { group.addTask { await report(notifier) } }
            // The first part to start and the last to end: the signals are heard until all others have ended.
            try? await gracefulShutdown()
            group.cancelAll()
        }
    }

    private func hearSignals(_ notifier: ServiceNotifier) async {
        var isStopping = false
        for await signal in signals.sequence {
            if signal == .sighup {
                log.write(
                    .notice, "opslogd",
                    "SIGHUP: this version does not reload its configuration and goes on with the old one; restart it")
            } else if isStopping {
                log.write(.notice, "opslogd", "\(signal) again: no more waiting, the rest stays in the spool")
                hurry()
            } else {
                isStopping = true
                log.write(.notice, "opslogd", "\(signal): stopping, \(sentence())")
                notifier.stopping(status: "Stopping: \(sentence())")
                await stop()
            }
        }
    }

    /// The watchdog is fed while this turns; a status every ten seconds.
    private func report(_ notifier: ServiceNotifier) async {
        let interval = min(notifier.watchdogInterval.map { $0 / 3 } ?? .seconds(10), .seconds(10))
        while !Task.isCancelled {
            if notifier.watchdogInterval != nil { notifier.watchdog() }
            notifier.status(sentence())
            try? await Task.sleep(for: interval)
        }
    }
}
