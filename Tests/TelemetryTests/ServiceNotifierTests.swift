import Testing

@testable import Telemetry

/// What is said to a real service manager's socket, and taken from it, is tried with the whole daemon by
/// Tests/scripts/supervision.py: sd_notify(3) and sd_listen_fds(3) read the environment, which must not change while
/// other tests of this process read it.
@Suite struct ServiceNotifierTests {
    @Test func `a sentence cannot become another message`() {
        #expect(ServiceNotifier.line("a\nMAINPID=1\tb") == "a MAINPID=1 b")
    }

    @Test func `without a service manager nothing happens`() {
        let notifier = ServiceNotifier()
        notifier.ready(status: "nobody hears")
        notifier.watchdog()
        #expect(notifier.watchdogInterval == nil)
        #expect(HandedOverSocket.takeAll() == [])
    }
}
