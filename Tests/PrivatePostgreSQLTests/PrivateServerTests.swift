import Glibc
import LinuxSystem
import PrivatePostgreSQL
import Testing

@Suite(.serialized)
struct PrivateServerTests {
    @Test func `it starts, answers, stops and leaves nothing running`() throws {
        let home = try TemporaryDirectory()
        let server = try PrivateServer(directory: home.path + "/pg", settings: .unsynced)
        try server.start()
        let processID = try #require(server.processID)
        #expect(kill(processID, 0) == 0)
        #expect(home.isListening("pg/.s.PGSQL.5432"))
        server.stop()
        #expect(server.processID == nil)
        #expect(kill(processID, 0) != 0 && errno == ESRCH)
        #expect(!home.isListening("pg/.s.PGSQL.5432"))
        #expect(!home.processes(workingIn: "pg/data"))
    }

    @Test func `PostgreSQL never runs as root`() throws {
        let home = try TemporaryDirectory()
        let server = try PrivateServer(directory: home.path + "/pg", settings: .unsynced)
        try server.start()
        let processID = try #require(server.processID)
        #expect(try FileIdentity.at("/proc/\(processID)").owner != 0)
        #expect(try FileIdentity.at(home.path + "/pg").mode & 0o777 == 0o700)
        server.stop(.immediate)
    }

    @Test func `after a crash it starts again on the same data`() throws {
        let home = try TemporaryDirectory()
        let server = try PrivateServer(directory: home.path + "/pg", settings: .unsynced)
        try server.start()
        let before = try #require(server.processID)
        server.crash()
        #expect(!home.isListening("pg/.s.PGSQL.5432"))
        try server.start()
        #expect(try #require(server.processID) != before)
        try server.restart()
        #expect(home.isListening("pg/.s.PGSQL.5432"))
        server.stop()
    }

    @Test func `a left postmaster.pid with the id of another living process does not keep it from starting`() throws {
        let home = try TemporaryDirectory()
        let server = try PrivateServer(directory: home.path + "/pg", settings: .unsynced)
        try server.start()
        server.crash()
        try home.write("\(getpid())\n\(home.path)/pg/data\n1\n5432\n", to: "pg/data/postmaster.pid")
        try home.write("\(getpid())\n", to: "pg/.s.PGSQL.5432.lock")
        try server.start()
        #expect(home.isListening("pg/.s.PGSQL.5432"))
        server.stop()
    }

    @Test func `a second server in the same directory waits for the first, then says that it is busy`() throws {
        let home = try TemporaryDirectory()
        let first = try PrivateServer(directory: home.path + "/pg", settings: .unsynced)
        try first.start()
        let second = try PrivateServer(directory: home.path + "/pg", settings: .unsynced)
        #expect {
            try second.start()
        } throws: { error in
            if case .busy(let sentence) = error as? ServerProblem { sentence.contains("already runs") } else { false }
        }
        #expect(home.isListening("pg/.s.PGSQL.5432"))
        first.stop()
    }

    @Test func `a server that is let go without a stop ends`() throws {
        let home = try TemporaryDirectory()
        var server: PrivateServer? = try PrivateServer(directory: home.path + "/pg", settings: .unsynced)
        try server?.start()
        let processID = try #require(server?.processID)
        server = nil
        #expect(kill(processID, 0) != 0)
    }

    @Test func `a server that ended by itself can be started again`() throws {
        let home = try TemporaryDirectory()
        let server = try PrivateServer(directory: home.path + "/pg", settings: .unsynced)
        try server.start()
        let processID = try #require(server.processID)
        kill(processID, SIGQUIT)
        for _ in 0..<500 where server.processID != nil { usleep(10_000) }
        #expect(server.processID == nil)
        try server.start()
        #expect(home.isListening("pg/.s.PGSQL.5432"))
        server.stop()
    }

    @Test func `a socket path beyond 107 bytes is refused before anything is made`() throws {
        let home = try TemporaryDirectory()
        let long = home.path + "/" + String(repeating: "d", count: 100)
        #expect {
            try PrivateServer(directory: long)
        } throws: { error in
            if case .unsuitable(let sentence) = error as? ServerProblem { sentence.contains("107") } else { false }
        }
        #expect(access(long, F_OK) != 0)
    }

    @Test(.enabled(if: geteuid() == 0))
    func `a directory that the server's user may not enter is named with the remedy`() throws {
        let home = try TemporaryDirectory()
        chmod(home.path, 0o700)
        let server = try PrivateServer(directory: home.path + "/pg")
        #expect {
            try server.start()
        } throws: { error in
            if case .notPermitted(let sentence) = error as? ServerProblem {
                sentence.contains("may not enter") && sentence.contains(home.path)
            } else {
                false
            }
        }
    }

    @Test func `missing programs are named with the package that brings them`() {
        #expect {
            try ServerPrograms.find(majorVersion: 3)
        } throws: { error in
            if case .programsNotFound(let sentence) = error as? ServerProblem {
                sentence.contains("not found") && sentence.contains("apt-get install postgresql-3")
            } else {
                false
            }
        }
        #expect(throws: ServerProblem.self) { try ServerPrograms.find(in: "/nonexistent") }
    }

    @Test func `a setting that PostgreSQL does not know fails the start with its own words`() throws {
        let home = try TemporaryDirectory()
        let server = try PrivateServer(directory: home.path + "/pg", settings: ServerSettings(["no_such": "1"]))
        #expect {
            try server.start()
        } throws: { error in
            if case .failed(let sentence) = error as? ServerProblem { sentence.contains("no_such") } else { false }
        }
        #expect(server.processID == nil)
    }
}
