import Glibc
import LinuxSystem
import Telemetry

/// This same program as the daemon, in a process of its own.
final class DemoDaemon {
    private let place: DemoPlace
    private var pid: pid_t = 0

    init(place: DemoPlace) throws {
        self.place = place
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, place.log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
        let words = ["opslogd", "run", "--config", place.configuration]
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        let failure = posix_spawn(&pid, "/proc/self/exe", &actions, nil, &arguments, environ)
        guard failure == 0 else {
            throw CommandFailure(describing: SystemError(call: "posix_spawn", subject: "opslogd run", code: failure))
        }
    }

    func awaitReady() throws {
        try wait("the daemon to be ready") { try ControlSocketClient(path: place.control).get("/readyz").code == 200 }
    }

    /// Waits until every line is a row or a dead letter.
    func awaitDrained() throws {
        try wait("the rows to arrive") {
            let page = try StatusPage(json: ControlSocketClient(path: place.control).get("/status").body)
            return page.spool.undeliveredEvents == 0 && page.deadLetters.held == DemoLines.wrong.count
                && page.inputs.allSatisfy { $0.lagBytes ?? 0 == 0 }
        }
    }

    /// Asks it to stop, and waits until it has gone.
    func stop() {
        guard pid > 0 else { return }
        kill(pid, SIGTERM)
        var status: Int32 = 0
        waitpid(pid, &status, 0)
        pid = 0
    }

    private func wait(_ what: String, until condition: () throws -> Bool) throws {
        for _ in 0..<600 {
            if (try? condition()) == true { return }
            var status: Int32 = 0
            if waitpid(pid, &status, WNOHANG) == pid {
                pid = 0
                throw CommandFailure(.unavailable, "the daemon ended early; its log: \(logTail())")
            }
            usleep(50_000)
        }
        throw CommandFailure(.tryAgain, "waited 30 s in vain for \(what); the daemon's log: \(logTail())")
    }

    private func logTail() -> String {
        guard let file = fopen(place.log, "r") else { return "empty" }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = fread(&bytes, 1, bytes.count, file)
        return Printable.text(String(decoding: bytes.prefix(count), as: UTF8.self))
    }
}
