import Glibc
import Testing

@testable import Telemetry

@Suite struct ControlSocketTests {
    private let directory: TemporaryDirectory
    private var path: String { directory.path + "/control.sock" }

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func server(_ path: String, mode: UInt32 = 0o600, status: String = "{\"pid\":1}") -> TelemetryServer {
        TelemetryServer(
            .unix(path: path, mode: mode),
            TelemetryEndpoints(metrics: { "" }, readiness: { .ready }, status: { status }))
    }

    private func get(_ target: String) throws -> ControlSocketClient.Answer {
        try ControlSocketClient(path: path).get(target)
    }

    private func inode(_ path: String) -> (inode: ino_t, mode: mode_t)? {
        var status = stat()
        return lstat(path, &status) == 0 ? (status.st_ino, status.st_mode) : nil
    }

    @Test func `a daemon is asked over its socket, which has its mode and goes with it`() async throws {
        let server = server(path)
        let bound = try await server.start()
        #expect(bound == .unix(path: path, mode: 0o600))
        #expect(inode(path)?.mode == S_IFSOCK | 0o600)
        #expect(try get("/status") == .init(code: 200, body: "{\"pid\":1}"))
        #expect(try get("/readyz").code == 200)
        #expect(try get("/nothing").code == 404)
        await server.shutdown()
        #expect(inode(path) == nil)
        #expect(throws: ControlSocketClient.Failure.nobodyThere(path: path)) { try get("/status") }
    }

    @Test func `a long answer arrives whole`() async throws {
        let long = "{\"text\":\"\(String(repeating: "0123456789", count: 500_000))\"}"
        let server = server(path, status: long)
        _ = try await server.start()
        #expect(try get("/status").body == long)
        await server.shutdown()
    }

    @Test func `the mode is the one that was asked for, whatever the umask`() async throws {
        let server = server(path, mode: 0o666)
        _ = try await server.start()
        #expect(inode(path)?.mode == S_IFSOCK | 0o666)
        await server.shutdown()
    }

    @Test func `a socket that another process answers is left alone`() async throws {
        let first = server(path)
        _ = try await first.start()
        let before = inode(path)?.inode
        do {
            _ = try await server(path).start()
            Issue.record("both listen")
        } catch {
            #expect(error.kind == .occupied)
            #expect("\(error)".hasPrefix("unix:\(path): another process answers there; "))
        }
        #expect(inode(path)?.inode == before)
        #expect(try get("/healthz").code == 200)
        await first.shutdown()
    }

    @Test func `a socket that nobody answers any more is taken over`() async throws {
        let left = try UnixListener(path: path, mode: 0o600)
        close(left.descriptor)
        #expect(inode(path) != nil)
        #expect(throws: ControlSocketClient.Failure.nobodyThere(path: path)) {
            try get("/status")
        }
        let server = server(path)
        _ = try await server.start()
        #expect(try get("/healthz").code == 200)
        await server.shutdown()
    }

    @Test func `a file at the path is never removed`() async throws {
        let descriptor = open(path, O_CREAT | O_WRONLY, 0o600)
        close(descriptor)
        do {
            _ = try await server(path).start()
            Issue.record("it listens")
        } catch {
            #expect(error.kind == .occupied)
            #expect("\(error)".contains("something that is no socket stands there"))
        }
        #expect(inode(path)?.mode == S_IFREG | 0o600)
    }

    @Test func `a socket that another made in the meantime is not removed at the shutdown`() async throws {
        let server = server(path)
        _ = try await server.start()
        rename(path, directory.path + "/old.sock")
        let other = try UnixListener(path: path, mode: 0o600)
        await server.shutdown()
        #expect(inode(path) != nil)
        other.removePath()
        close(other.descriptor)
        #expect(inode(path) == nil)
    }

    @Test func `a path that is too long or in no directory is told as such`() async throws {
        for path in [directory.path + "/" + String(repeating: "x", count: 108), directory.path + "/none/control.sock"] {
            do {
                _ = try await server(path).start()
                Issue.record("it listens")
            } catch {
                #expect(error.kind == .unavailable)
            }
        }
        #expect(throws: ControlSocketClient.Failure.self) {
            try ControlSocketClient(path: "/" + String(repeating: "x", count: 108)).get("/")
        }
    }

    @Test func `a daemon that does not answer is not waited for without end`() throws {
        let silent = try UnixListener(path: path, mode: 0o600)
        listen(silent.descriptor, 1)
        #expect(throws: ControlSocketClient.Failure.failed(path: path, code: EAGAIN)) {
            try ControlSocketClient(path: path, timeoutSeconds: 1).get("/status")
        }
        close(silent.descriptor)
    }

    @Test(arguments: [
        "", "HTTP/1.1 200 OK\r\n", "SSH-2.0-x\r\n\r\n", "HTTP/1.1 x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
    ])
    func `what is no whole answer is not taken for one`(_ text: String) {
        #expect(ControlSocketClient.parse(Array(text.utf8)) == nil)
    }
}
