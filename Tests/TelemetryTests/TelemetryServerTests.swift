import Glibc
import Instruments
import Synchronization
import Testing

@testable import Telemetry

@Suite struct TelemetryServerTests {
    private static let endpoints = TelemetryEndpoints(
        metrics: { "opslogd_database_up 1\n" }, readiness: { .ready }, status: { "{\"inputs\":[]}" })

    /// Runs `body` beside a server on a free port.
    private func served(
        _ endpoints: TelemetryEndpoints = Self.endpoints, limits: TelemetryServer.Limits = .init(),
        _ body: (Int) async throws -> Void
    ) async throws {
        let server = TelemetryServer(.tcp(host: "127.0.0.1", port: 0), endpoints, limits: limits)
        guard case .tcp(_, let port) = try await server.start() else { return }
        #expect(port != 0)
        do {
            try await body(port)
        } catch {
            Issue.record(error)
        }
        await server.shutdown()
    }

    private func answer(_ port: Int, _ request: String) throws -> ControlSocketClient.Answer {
        let connection = try RawConnection(port: port)
        connection.say(request)
        return try #require(ControlSocketClient.parse(Array(connection.hearAll().utf8)))
    }

    @Test func `metrics are served with the content type of the format`() async throws {
        try await served { port in
            let connection = try RawConnection(port: port)
            connection.say("GET /metrics?x=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            let text = connection.hearAll()
            #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(text.contains("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"))
            #expect(text.contains("\r\nContent-Length: 22\r\n"))
            #expect(text.hasSuffix("\r\n\r\nopslogd_database_up 1\n"))
        }
    }

    @Test func `a question for a watermark is answered when its answer is there, and the connection goes on`()
        async throws
    {
        let asked = Mutex<[(pipeline: [UInt8], answer: @Sendable (String) -> Void)]>([])
        let endpoints = TelemetryEndpoints(
            metrics: { "" }, readiness: { .ready }, status: { "{}" },
            watermark: { pipeline, answer in asked.withLock { $0.append((pipeline, answer)) } })
        try await served(endpoints) { (port: Int) async throws in
            let name = "a/b c&ü%"
            let connection = try RawConnection(port: port)
            connection.say(
                "GET /watermark?x=1&pipeline=\(PercentEncoding.encode(name)) HTTP/1.1\r\nHost: a\r\n\r\n"
                    + "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            while asked.withLock({ $0.isEmpty }) { await Task.yield() }
            let question = try #require(asked.withLock { $0.first })
            #expect(String(decoding: question.pipeline, as: UTF8.self) == name)
            question.answer("{\"watermark\":null}")
            let text = connection.hearAll()
            #expect(text.contains("{\"watermark\":null}") && text.hasSuffix("ok\n"), "in their order: \(text)")
            for target in ["/watermark", "/watermark?pipeline=%zz", "/watermark?other=a"] {
                let refused = try answer(port, "GET \(target) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                #expect(refused.code == 400)
            }
        }
        try await served { port in
            let request = "GET /watermark?pipeline=a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            let refused = try answer(port, request)
            #expect(refused.code == 404, "not on the address for everybody")
        }
    }

    @Test func `each path has its answer`() async throws {
        let holder = ReadinessHolder(.notReady("the spool is full"))
        let endpoints = TelemetryEndpoints(metrics: { "" }, readiness: { holder.value }, status: { "{\"a\":1}" })
        try await served(endpoints) { (port: Int) async throws in
            func get(_ path: String) throws -> ControlSocketClient.Answer {
                try answer(port, "GET \(path) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            }
            #expect(try get("/healthz") == .init(code: 200, body: "ok\n"))
            #expect(try get("/readyz") == .init(code: 503, body: "not ready: the spool is full\n"))
            holder.set(.ready)
            #expect(try get("/readyz") == .init(code: 200, body: "ready\n"))
            #expect(try get("/status") == .init(code: 200, body: "{\"a\":1}"))
            for path in ["/", "/metrics/", "/status/x", "/../etc/passwd"] {
                #expect(
                    try get(path)
                        == .init(code: 404, body: "Nothing here. There are /metrics, /healthz, /readyz and /status.\n"))
            }
        }
    }

    @Test func `HEAD has the length and no body, other methods are refused`() async throws {
        try await served { port in
            let connection = try RawConnection(port: port)
            connection.say("HEAD /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            let head = connection.hearAll()
            #expect(head.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(head.contains("\r\nContent-Length: 3\r\n"))
            #expect(head.hasSuffix("\r\n\r\n"))
            let posted = try answer(
                port, "POST /status HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}")
            #expect(posted == .init(code: 405, body: "Only GET and HEAD are answered here.\n"))
        }
    }

    @Test func `a connection is kept for the next request, and HTTP 1_0 is not`() async throws {
        try await served { port in
            let connection = try RawConnection(port: port)
            for _ in 0..<3 {
                connection.say("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(connection.hear(until: "ok\n").hasPrefix("HTTP/1.1 200 OK\r\n"))
            }
            connection.say(
                "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /status HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            let both = connection.hearAll()
            #expect(both.split(separator: "HTTP/1.1 200 OK").count == 2)
            #expect(both.hasSuffix("{\"inputs\":[]}"))
            #expect(try answer(port, "GET /healthz HTTP/1.0\r\n\r\n") == .init(code: 200, body: "ok\n"))
        }
    }

    @Test func `what is no HTTP is answered and closed`() async throws {
        try await served { port in
            let connection = try RawConnection(port: port)
            connection.say("\u{16}\u{3}\u{1} hello\r\n\r\n")
            #expect(connection.hearAll().hasPrefix("HTTP/1.1 400 Bad Request"))
            let endless = try RawConnection(port: port)
            endless.say("GET /healthz HTTP/1.1\r\nX: " + String(repeating: "x", count: 200_000))
            #expect(!endless.hearAll().contains("200 OK"))
            #expect(try answer(port, "GET /healthz HTTP/1.0\r\n\r\n").code == 200)
        }
    }

    @Test func `a peer that keeps the server waiting is closed at the deadline`() async throws {
        var limits = TelemetryServer.Limits()
        limits.requestSeconds = 1
        try await served(limits: limits) { port in
            let idle = try RawConnection(port: port)
            let dripping = try RawConnection(port: port)
            dripping.say("GET /healthz HTTP/1.1\r\n")
            let clock = ContinuousClock()
            let waited = clock.measure {
                #expect(idle.hearAll() == "")
                #expect(!dripping.hearAll().contains("200 OK"))
            }
            #expect(waited > .milliseconds(500) && waited < .seconds(10))
        }
    }

    @Test func `connections beyond the limit are closed, and others come after`() async throws {
        var limits = TelemetryServer.Limits()
        limits.connections = 2
        try await served(limits: limits) { port in
            var open = try (0..<2).map { _ in try RawConnection(port: port) }
            for connection in open {
                connection.say("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(connection.hear(until: "ok\n").contains("200 OK"))
            }
            #expect(try RawConnection(port: port).hearAll() == "")
            open.removeLast()
            var code: Int?
            for _ in 0..<200 where code != 200 {
                let connection = try RawConnection(port: port)
                connection.say("GET /healthz HTTP/1.0\r\n\r\n")
                code = ControlSocketClient.parse(Array(connection.hearAll().utf8))?.code
                if code != 200 { try await Task.sleep(for: .milliseconds(10)) }
            }
            #expect(code == 200)
            #expect(open.count == 1)
        }
    }

    @Test func `an occupied port is told as such`() async throws {
        try await served { port in
            let second = TelemetryServer(.tcp(host: "127.0.0.1", port: port), Self.endpoints)
            do throws(TelemetryServerError) {
                _ = try await second.start()
                Issue.record("both listen")
            } catch {
                #expect(error.kind == .occupied)
                #expect(
                    "\(error)" == """
                        127.0.0.1:\(port): another process listens there; end it, or name another address in \
                        telemetry.listen
                        """)
            }
        }
    }

    @Test func `an address of another machine is told as such`() async throws {
        let server = TelemetryServer(.tcp(host: "192.0.2.1", port: 9478), Self.endpoints)
        do {
            _ = try await server.start()
            Issue.record("it listens")
        } catch {
            #expect(error.kind == .unavailable)
            #expect("\(error)".hasPrefix("192.0.2.1:9478: "))
        }
    }

    @Test func `a host that does not exist is told as such`() async throws {
        // A label of 64 bytes: refused without asking a name server.
        let host = String(repeating: "x", count: 64) + ".invalid"
        let server = TelemetryServer(.tcp(host: host, port: 9478), Self.endpoints)
        do {
            _ = try await server.start()
            Issue.record("it listens")
        } catch {
            #expect(
                "\(error)" == """
                    \(host):9478: there is no such host; name an address of this machine in telemetry.listen
                    """)
        }
    }

    @Test func `nobody is served after the shutdown, which may be asked for twice`() async throws {
        let server = TelemetryServer(.tcp(host: "127.0.0.1", port: 0), Self.endpoints)
        guard case .tcp(_, let port) = try await server.start() else { return }
        let kept = try RawConnection(port: port)
        kept.say("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(kept.hear(until: "ok\n").contains("200 OK"))
        await server.shutdown()
        await server.shutdown()
        #expect(kept.hearAll() == "")
        // The port is free at once for the next daemon.
        let next = TelemetryServer(.tcp(host: "127.0.0.1", port: port), Self.endpoints)
        let bound = try await next.start()
        #expect(bound == .tcp(host: "127.0.0.1", port: port))
        await next.shutdown()
    }
}

final class ReadinessHolder: Sendable {
    private let held: Mutex<TelemetryEndpoints.Readiness>

    init(_ first: TelemetryEndpoints.Readiness) { held = Mutex(first) }

    var value: TelemetryEndpoints.Readiness { held.withLock { $0 } }
    func set(_ value: TelemetryEndpoints.Readiness) { held.withLock { $0 = value } }
}
