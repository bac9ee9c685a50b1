import Delivery
import Glibc
import LinuxSystem
import PrivatePostgreSQL
import Testing

@testable import PostgreSQL

struct OpeningTests {
    @Test func `an SQLSTATE in libpq's words is found whatever the language`() {
        let english =
            "connection to server at \"h\" (::1), port 5432 failed: FATAL:  28P01: password authentication failed\n"
        let german =
            "Verbindung zum Server auf Socket »/x« fehlgeschlagen: FATAL:  57P03: das Datenbanksystem startet\n"
        #expect(OpeningError.sqlstate(in: english) == "28P01")
        #expect(OpeningError.sqlstate(in: german) == "57P03")
        #expect(OpeningError.sqlstate(in: "could not translate host name \"x\" to address: ABCDE: y") == nil)
        #expect(OpeningError.sqlstate(in: "") == nil)
        #expect(OpeningError.sqlstate(in: ":  1234") == nil)
        #expect(
            OpeningError.withoutState("28P01", english)
                == "connection to server at \"h\" (::1), port 5432 failed: FATAL:  password authentication failed\n")
    }

    @Test func `details and places in the source are left out`() {
        let text = "failed: FATAL:  28000: no\nDETAIL:  secret\nHINT:  x\nLOCATION:  f, a.c:1\n"
        #expect(OpeningError.sentence(text) == "failed: FATAL:  28000: no")
        #expect(OpeningError.sentence("\n", or: "gone") == "gone")
        let ended = """
            FATAL:  57P01: terminating connection due to administrator command
            CONTEXT:  SQL statement "SELECT 1"
            PL/pgSQL function public.act() line 2 at PERFORM
            COPY cast_errors, line 1, column symbol: "secret"
            LOCATION:  ProcessInterrupts, postgres.c:3340
            server closed the connection unexpectedly
            """
        #expect(
            OpeningError.sentence(ended)
                == "FATAL:  57P01: terminating connection due to administrator command; server closed the connection unexpectedly"
        )
    }

    @Test func `a database that does not exist is the server's error with its state`() throws {
        let server = try SharedServer.server()
        let session = try LibpqSession(conninfo: server.conninfo(database: "no_such", user: "postgres"))
        let error = try serverError { _ = try session.connect() }
        #expect(error.sqlstate == "3D000")
        #expect(!error.message.contains("3D000"))
        #expect(error.message.contains("no_such"))
    }

    @Test func `a URI is a conninfo too, and the encoding is UTF-8 whatever it says`() throws {
        let database = try TestDatabase()
        let path = database.server.path.replacing("/", with: "%2F")
        let uri = "postgresql://postgres@\(path)/\(database.name)?client_encoding=LATIN1&application_name=mine"
        let rows = try TestDatabase.run(
            "SELECT current_setting('client_encoding'), current_setting('application_name')", conninfo: uri)
        #expect(rows == [["UTF8", "mine"]])
        let ours = try TestDatabase.run("SHOW application_name", conninfo: database.conninfo)
        #expect(ours == [["opslogd"]])
    }

    @Test func `of several hosts the first that answers is taken, and a default gives way to the conninfo`() throws {
        let database = try TestDatabase()
        let rows = try TestDatabase.run(
            "SELECT 1",
            conninfo:
                "host=/nonexistent,\(database.server.path) user=postgres dbname=\(database.name) tcp_user_timeout=7")
        #expect(rows == [["1"]])
    }

    @Test func `a host that swallows every packet does not keep us from the next of the list`() throws {
        let database = try TestDatabase()
        let swallowing = try FullListener()
        let session = try LibpqSession(
            conninfo: "host=127.0.0.1,\(database.server.path) port=\(swallowing.port),5432 user=postgres "
                + "dbname=\(database.name)", limits: ConnectionLimits(connectMilliseconds: 1500))
        _ = try session.connect()
        withExtendedLifetime(swallowing) {}
    }

    @Test func `a host that takes the connection and says nothing does not keep us from the next of the list`() throws {
        let database = try TestDatabase()
        let directory = try TemporaryDirectory()
        let listener = try SilentListener(path: directory.path + "/.s.PGSQL.5432")
        for hosts in [[directory.path, database.server.path], ["/nonexistent", directory.path, database.server.path]] {
            let session = try LibpqSession(
                conninfo: "host=\(hosts.joined(separator: ",")) user=postgres dbname=\(database.name) "
                    + "target_session_attrs=read-write", limits: ConnectionLimits(connectMilliseconds: 300))
            _ = try session.connect()
        }
        // Nobody else is left then.
        let alone = try LibpqSession(
            conninfo: "host=/nonexistent,\(directory.path) user=x", limits: ConnectionLimits(connectMilliseconds: 300))
        #expect(throws: DatabaseFailure.self) { _ = try alone.connect() }
        withExtendedLifetime(listener) {}
    }

    @Test func `connect_timeout in the conninfo counts`() throws {
        let directory = try TemporaryDirectory()
        let listener = try SilentListener(path: directory.path + "/.s.PGSQL.5432")
        let clock = SystemTime()
        let began = clock.monotonicNanoseconds()
        let session = try LibpqSession(conninfo: "host=\(directory.path) user=x connect_timeout=2")
        let failure = #expect(throws: DatabaseFailure.self) { _ = try session.connect() }
        #expect(failure?.isTimedOut == true)
        let waited = clock.monotonicNanoseconds() - began
        #expect(waited > 1_900_000_000 && waited < 6_000_000_000)
        withExtendedLifetime(listener) {}
    }

    @Test func `an interruption gets through while a connection is opened`() throws {
        let directory = try TemporaryDirectory()
        let listener = try SilentListener(path: directory.path + "/.s.PGSQL.5432")
        let session = try LibpqSession(conninfo: "host=\(directory.path) user=x")
        WorkerThread.start("interrupter") {
            usleep(50_000)
            session.interrupt()
        }
        #expect(throws: DatabaseFailure.interrupted) { _ = try session.connect() }
        withExtendedLifetime(listener) {}
    }
}

/// Takes connections and never answers.
private final class SilentListener {
    private let descriptor: Descriptor

    init(path: String) throws {
        descriptor = Descriptor(owning: socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0))
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { bytes in
            bytes.copyBytes(from: path.utf8.prefix(bytes.count - 1))
        }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor.rawValue, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard bound == 0, listen(descriptor.rawValue, 5) == 0 else { throw SystemError.last("listen", path) }
    }
}

/// A TCP listener whose queue is full: the kernel drops what asks for a connection.
private final class FullListener {
    private var descriptors: [Descriptor] = []
    private(set) var port: UInt16 = 0

    init() throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        descriptors.append(Descriptor(owning: listener))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 0) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        guard bound else { throw SystemError.last("listen", "127.0.0.1") }
        port = UInt16(bigEndian: address.sin_port)
        for _ in 0..<4 {
            let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
            descriptors.append(Descriptor(owning: client))
            _ = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(client, $0, length) }
            }
        }
    }
}
