import Glibc
import LinuxSystem
import Synchronization

/// A PostgreSQL server of one's own, under a directory of its own, reached by a Unix socket only: for `demo`,
/// `embedded`, tests and benchmarks.
///
/// It never runs as root: as root it runs as `postgres` or `nobody`, which must be able to enter the directory. Only
/// that user and root reach its socket (the directory is 0700), so connections need no password.
///
/// It does not outlive this process: `stop()` ends it in order, and should this process end without that, also by
/// `kill -9`, a small guard process shuts the server down (fast). What was committed is kept in the directory either
/// way; `start()` on the same directory goes on with it.
public final class PrivateServer: Sendable {
    public enum Stop: Sendable {
        /// Connections are cut, transactions rolled back, a checkpoint written (SIGINT).
        case fast
        /// At once, without a checkpoint: the next start recovers from the log (SIGQUIT).
        case immediate
    }

    /// The longest that a start may take, recovery after a crash included.
    public static let startLimitMilliseconds = 60_000

    private let directory: ServerDirectory
    private let programs: ServerPrograms
    private let settings: ServerSettings
    private let port: Int
    private let child = Mutex<ChildProcess?>(nil)

    /// Makes the directory; starts nothing.
    ///
    /// - Parameters:
    ///   - directory: its own; made if it is not there, its parent must exist.
    ///   - programs: nil: the newest on this machine, or those of the version that made the data in `directory`.
    ///   - port: only names the socket.
    public init(
        directory path: String, programs: ServerPrograms? = nil, settings: ServerSettings = .modest, port: Int = 5432
    ) throws(ServerProblem) {
        directory = try ServerDirectory(path: path, port: port)
        self.settings = settings
        self.port = port
        if let programs {
            self.programs = programs
        } else {
            self.programs = try ServerPrograms.find(majorVersion: directory.dataVersion)
        }
    }

    deinit {
        stop(.immediate)
    }

    /// How libpq finds it: its superuser in the database `postgres`.
    public var conninfo: String { conninfo(database: "postgres", user: "postgres") }

    /// How libpq finds it, as another user or in another database.
    public func conninfo(database: String, user: String) -> String {
        "host='\(Self.quoted(directory.path))' port=\(port) dbname='\(Self.quoted(database))' "
            + "user='\(Self.quoted(user))'"
    }

    /// The file that the server and initdb write to.
    public var log: String { directory.log }
    /// The directory that the server works in; its socket stands here.
    public var path: String { directory.path }
    /// Of the postmaster; nil while it does not run.
    public var processID: Int32? {
        child.withLock { child in
            Self.forgetEnded(&child)
            return child?.processID
        }
    }

    /// Starts it and waits until it answers; makes its data first if there are none. Nothing happens if it runs.
    public func start() throws(ServerProblem) {
        try child.withLock { (child: inout ChildProcess?) throws(ServerProblem) in
            Self.forgetEnded(&child)
            guard child == nil else { return }
            if directory.dataVersion == nil { try initialize() }
            try clearTheWay()
            do throws(SystemError) {
                try directory.write(
                    settings.lines(socketDirectory: directory.path, port: port), to: "postgresql.auto.conf")
            } catch { throw ServerDirectory.problem(error) }
            let started = try run(programs.postgres, ["-D", directory.data], guardSignal: SIGINT)
            child = started
            do throws(ServerProblem) {
                try awaitAnswer(of: started)
            } catch {
                Self.end(started, .immediate)
                child = nil
                throw error
            }
        }
    }

    /// Ends it and waits until it has gone: after this nothing of it runs. Nothing happens if it does not run.
    public func stop(_ how: Stop = .fast) {
        child.withLock { child in
            Self.forgetEnded(&child)
            if let running = child { Self.end(running, how) }
            child = nil
        }
    }

    public func restart(_ how: Stop = .fast) throws(ServerProblem) {
        stop(how)
        try start()
    }

    /// Kills the postmaster (SIGKILL), as a crash would, and waits for its other processes, which notice and end by
    /// themselves.
    public func crash() {
        child.withLock { child in
            Self.forgetEnded(&child)
            if let running = child {
                running.signal(SIGKILL)
                _ = running.wait()
                _ = directory.awaitEmptiness(milliseconds: 10_000)
            }
            child = nil
        }
    }

    /// Suspends the postmaster (SIGSTOP): connections are taken by the kernel and not answered.
    public func suspend() { child.withLock { $0?.signal(SIGSTOP) } }
    /// Undoes `suspend()`.
    public func resume() { child.withLock { $0?.signal(SIGCONT) } }

    /// A server that has ended by itself: its process id may be another's by now, and must get no signal.
    private static func forgetEnded(_ child: inout ChildProcess?) {
        if child?.wait(milliseconds: 0) != nil { child = nil }
    }

    private static func end(_ running: ChildProcess, _ how: Stop) {
        // A suspended postmaster heeds nothing but SIGKILL.
        running.signal(SIGCONT)
        for (signal, patience) in [(how == .fast ? SIGINT : SIGQUIT, 30_000), (SIGQUIT, 10_000)] {
            running.signal(signal)
            if running.wait(milliseconds: patience) != nil { return }
        }
        running.signal(SIGKILL)
        _ = running.wait()
    }

    private func initialize() throws(ServerProblem) {
        let child = try run(
            programs.initdb,
            [
                "--pgdata=\(directory.data)", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8",
                "--auth-local=trust", "--auth-host=reject", "--no-sync", "--no-instructions",
            ], guardSignal: SIGTERM)
        guard child.wait() == 0, directory.dataVersion != nil else {
            throw .failed("initdb failed in \(directory.data): \(directory.endOfLog); the whole is in \(directory.log)")
        }
    }

    /// Deals with what an earlier run has left: a server that its guard is just ending, or only its lock files.
    private func clearTheWay() throws(ServerProblem) {
        if let left = directory.awaitEmptiness(milliseconds: 4000) {
            throw .busy(
                "a PostgreSQL server (process \(left)) already runs in \(directory.path); "
                    + "stop the opslogd that started it, or choose another directory")
        }
        directory.removeLeftLocks(port: port)
    }

    private func awaitAnswer(of started: ChildProcess) throws(ServerProblem) {
        for _ in 0..<Self.startLimitMilliseconds / 10 {
            if let status = started.wait(milliseconds: 0) {
                throw .failed(
                    "PostgreSQL ended with status \(status) while it was starting in \(directory.path): "
                        + "\(directory.endOfLog); the whole is in \(directory.log)")
            }
            if let running = directory.running, running.processID == started.processID, running.isReady { return }
            usleep(10_000)
        }
        throw .failed(
            "PostgreSQL in \(directory.path) was not ready within \(Self.startLimitMilliseconds / 1000) s: "
                + "\(directory.endOfLog); the whole is in \(directory.log)")
    }

    private func run(_ program: String, _ arguments: [String], guardSignal: Int32) throws(ServerProblem) -> ChildProcess
    {
        var environment = ["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "PGTZ": "UTC", "TZ": "UTC"]
        environment["LANGUAGE"] = settings.language
        do throws(SystemError) {
            return try ChildProcess.start(
                ChildProcess.Start(
                    program: program, arguments: arguments, environment: environment,
                    directory: directory.path, output: try directory.openLog(), user: directory.user,
                    guardSignal: guardSignal))
        } catch {
            if error.call == "chdir", let user = directory.user {
                throw .notPermitted(
                    "PostgreSQL does not run as root, and the user \(user.name) may not enter \(directory.path); "
                        + "let others pass through the directories above it (chmod o+x), or choose another directory")
            }
            throw ServerDirectory.problem(error)
        }
    }

    private static func quoted(_ value: String) -> String {
        var quoted = ""
        for character in value {
            if character == "'" || character == "\\" { quoted.append("\\") }
            quoted.append(character)
        }
        return quoted
    }
}
