import Glibc
import Testing

@testable import Telemetry

/// One at a time, since sd_notify(3) reads the environment of the process.
@Suite(.serialized) struct ServiceNotifierTests {
    /// What the service manager would hear of `body`.
    private func heard(_ body: (ServiceNotifier) -> Void) throws -> [String] {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/notify"
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        defer { close(descriptor) }
        var address = try #require(UnixAddress(path))
        try #require(address.withPointer { bind(descriptor, $0, $1) } == 0)
        setenv("NOTIFY_SOCKET", path, 1)
        body(ServiceNotifier())
        unsetenv("NOTIFY_SOCKET")
        var heard: [String] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            if count <= 0 { return heard }
            heard.append(String(decoding: buffer[..<count], as: UTF8.self))
        }
    }

    @Test func `the service manager hears each message, in order`() throws {
        let heard = try heard { notifier in
            notifier.ready(status: "2 inputs are open")
            notifier.status("spool: 12 events")
            notifier.watchdog()
            notifier.stopping(status: "draining")
        }
        #expect(
            heard == [
                "READY=1\nSTATUS=2 inputs are open", "STATUS=spool: 12 events", "WATCHDOG=1",
                "STOPPING=1\nSTATUS=draining",
            ])
    }

    @Test func `a sentence cannot become another message`() throws {
        #expect(try heard { $0.status("a\nMAINPID=1\tb") } == ["STATUS=a MAINPID=1 b"])
    }

    @Test func `without a service manager nothing happens`() {
        unsetenv("NOTIFY_SOCKET")
        let notifier = ServiceNotifier()
        notifier.ready(status: "nobody hears")
        notifier.watchdog()
        #expect(notifier.watchdogInterval == nil)
        #expect(HandedOverSocket.takeAll() == [])
    }

    @Test func `the watchdog's interval is the unit's, for this process only`() {
        setenv("WATCHDOG_USEC", "30000000", 1)
        setenv("WATCHDOG_PID", "\(getpid())", 1)
        #expect(ServiceNotifier().watchdogInterval == .seconds(30))
        setenv("WATCHDOG_PID", "1", 1)
        #expect(ServiceNotifier().watchdogInterval == nil)
        unsetenv("WATCHDOG_USEC")
        unsetenv("WATCHDOG_PID")
    }

    @Test func `descriptors that are another process's are not taken`() {
        setenv("LISTEN_PID", "1", 1)
        setenv("LISTEN_FDS", "1", 1)
        #expect(HandedOverSocket.takeAll() == [])
        unsetenv("LISTEN_PID")
        unsetenv("LISTEN_FDS")
    }

    @Test func `a socket that was handed over is known by its path`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/in.sock"
        let listener = try UnixListener(path: path, mode: 0o600)
        #expect(HandedOverSocket(name: "pipelines", descriptor: listener.descriptor).path == path)
        close(listener.descriptor)
        let unbound = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        #expect(HandedOverSocket(name: "x", descriptor: unbound).path == nil)
        close(unbound)
        let internet = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #expect(HandedOverSocket(name: "x", descriptor: internet).path == nil)
        close(internet)
    }
}
