import Glibc
import Testing

@testable import Telemetry

/// Each in a process of its own, since sd_notify(3) and sd_listen_fds(3) read the environment, which must not change
/// while other tests read it.
@Suite struct ServiceNotifierTests {
    /// What the service manager would hear of `body`.
    private static func heard(_ body: (ServiceNotifier) -> Void) throws -> [String] {
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

    @Test func `the service manager hears each message, in order`() async {
        await #expect(processExitsWith: .success) {
            let heard = try Self.heard { notifier in
                notifier.ready(status: "2 inputs are open")
                notifier.status("spool: 12 events")
                notifier.watchdog()
                notifier.stopping(status: "draining")
            }
            let expected = [
                "READY=1\nSTATUS=2 inputs are open", "STATUS=spool: 12 events", "WATCHDOG=1",
                "STOPPING=1\nSTATUS=draining",
            ]
            try #require(heard == expected)
        }
    }

    @Test func `a sentence cannot become another message`() async {
        await #expect(processExitsWith: .success) {
            let heard = try Self.heard { $0.status("a\nMAINPID=1\tb") }
            try #require(heard == ["STATUS=a MAINPID=1 b"])
        }
    }

    @Test func `without a service manager nothing happens`() async {
        await #expect(processExitsWith: .success) {
            for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "LISTEN_FDS"] { unsetenv(name) }
            let notifier = ServiceNotifier()
            notifier.ready(status: "nobody hears")
            notifier.watchdog()
            try #require(notifier.watchdogInterval == nil)
            try #require(HandedOverSocket.takeAll() == [])
        }
    }

    @Test func `the watchdog's interval is the unit's, for this process only`() async {
        await #expect(processExitsWith: .success) {
            setenv("WATCHDOG_USEC", "30000000", 1)
            setenv("WATCHDOG_PID", "\(getpid())", 1)
            try #require(ServiceNotifier().watchdogInterval == .seconds(30))
            setenv("WATCHDOG_PID", "1", 1)
            try #require(ServiceNotifier().watchdogInterval == nil)
        }
    }

    @Test func `descriptors that are another process's are not taken`() async {
        await #expect(processExitsWith: .success) {
            setenv("LISTEN_PID", "1", 1)
            setenv("LISTEN_FDS", "1", 1)
            try #require(HandedOverSocket.takeAll() == [])
        }
    }

    @Test func `sockets that are handed over are taken once, with name and path`() async {
        await #expect(processExitsWith: .exitCode(17)) {
            // Descriptors 3 and 4 may have been this process's own, so the answer is its exit status; and whoever owned
            // them may close them once while they are handed over, hence a second attempt.
            let directory = try TemporaryDirectory()
            let path = directory.path + "/in.sock"
            let listener = try UnixListener(path: path, mode: 0o600)
            let internet = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            let (one, two) = (fcntl(listener.descriptor, F_DUPFD, 100), fcntl(internet, F_DUPFD, 100))
            var taken: [HandedOverSocket] = []
            for _ in 0..<5 where taken.isEmpty {
                guard dup2(one, 3) == 3, dup2(two, 4) == 4 else { exit(1) }
                setenv("LISTEN_PID", "\(getpid())", 1)
                setenv("LISTEN_FDS", "2", 1)
                setenv("LISTEN_FDNAMES", "pipelines:other", 1)
                taken = HandedOverSocket.takeAll()
            }
            unlink(path)
            rmdir(directory.path)
            guard taken.map(\.name) == ["pipelines", "other"], taken.map(\.descriptor) == [3, 4] else { exit(2) }
            guard taken.map(\.path) == [path, nil], fcntl(3, F_GETFD) & FD_CLOEXEC != 0 else { exit(3) }
            guard HandedOverSocket.takeAll() == [] else { exit(4) }
            exit(17)
        }
    }
}
