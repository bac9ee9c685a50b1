import Glibc
import Instruments
import LinuxSystem
import OperationLogs
import Synchronization
import Testing

@testable import Intake

@Suite struct SocketLifeTests {
    @Test func `the stop reads what is queued, takes the backlog and answers the last number`() throws {
        let rig = try SocketRig(AcknowledgingSpool(holding: true)) { $0.maxConnections = 1 }
        let served = try rig.connect()
        served.send(ackRequest + castError())
        try eventually("the line is under way") { rig.spool.recordCount == 1 }
        let waiting = try rig.connect()
        waiting.send(ackRequest + castError() + castError())
        rig.input.stop()
        try eventually("the backlog was read") { rig.spool.recordCount == 3 }
        #expect(!rig.hasRunEnded)
        rig.spool.release()
        #expect(served.rest() == "{\"durable\":1}\n")
        #expect(waiting.rest() == "{\"durable\":2}\n")
        try eventually("run() ends") { rig.hasRunEnded }
        #expect(access(rig.path, F_OK) != 0)
        #expect(rig.input.status.connections == 0 && !rig.input.status.isAccepting)
        try rig.stop()
    }

    @Test func `a line that the stop cuts off is not acknowledged`() throws {
        let rig = try SocketRig()
        let acknowledged = try rig.connect()
        acknowledged.send(ackRequest + castError() + #"{"event":"cast_er"#)
        #expect(acknowledged.lines(1) == [#"{"durable":1}"#])
        try rig.stop()
        #expect(acknowledged.rest() == "")
        #expect(rig.spool.recordCount == 1)
    }

    @Test func `a line that the stop cuts off without answers is a dead letter`() throws {
        let rig = try SocketRig()
        let silent = try rig.connect()
        silent.send(castError() + #"{"event":"cast_er"#)
        try eventually("the line is a record") { rig.spool.recordCount == 1 }
        try rig.stop()
        #expect(try rig.spool.records().map(\.reason) == [nil, .incompleteLine])
    }

    @Test func `a stop that the spool does not answer ends in its time`() throws {
        let rig = try SocketRig(AcknowledgingSpool(holding: true)) { $0.stopMilliseconds = 200 }
        let client = try rig.connect()
        client.send(ackRequest + castError())
        try eventually("the line is under way") { rig.spool.recordCount == 1 }
        rig.input.stop()
        try eventually("run() ends") { rig.hasRunEnded }
        #expect(client.rest() == "")
        #expect(rig.said.messages.withLock { $0.count } == 1)
        try rig.stop()
    }

    @Test func `an occupied path is named with its process`() throws {
        let rig = try SocketRig()
        let second = testInput(rig.path, AcknowledgingSpool())
        let error = #expect(throws: SocketOpenError.self) { try second.open() }
        #expect(error?.reason == .occupied(pid: UInt32(getpid())))
        #expect(error?.description.contains(rig.path) == true)
        #expect(access(rig.path, F_OK) == 0)
        try rig.stop()
    }

    @Test func `a socket that nobody answers gives way`() throws {
        let directory = try makeDirectory()
        defer { removeDirectory(directory) }
        let path = directory + "/s.sock"
        do {
            let dead = try UnixSocket.open()
            try UnixSocket.bind(dead, to: path)
            #expect(listen(dead.rawValue, 1) == 0)
        }
        let input = testInput(path, AcknowledgingSpool())
        try input.open()
        let thread = RunningInput(input)
        let client = try TestClient(path)
        client.send(ackRequest + castError())
        #expect(client.lines(1) == [#"{"durable":1}"#])
        input.stop()
        try eventually("run() ends") { thread.hasEnded }
    }

    @Test func `a file that is no socket is left as it is`() throws {
        let directory = try makeDirectory()
        let path = directory + "/s.sock"
        defer { removeDirectory(directory) }
        close(creat(path, 0o600))
        let error = #expect(throws: SocketOpenError.self) { try testInput(path, AcknowledgingSpool()).open() }
        #expect(error?.reason == .notASocket)
        #expect(access(path, F_OK) == 0)
    }

    @Test func `a socket of another user is left as it is`() throws {
        guard geteuid() == 0 else { return }
        let directory = try makeDirectory()
        let path = directory + "/s.sock"
        defer { removeDirectory(directory) }
        do { try UnixSocket.bind(try UnixSocket.open(), to: path) }
        #expect(lchown(path, 65534, 65534) == 0)
        let error = #expect(throws: SocketOpenError.self) { try testInput(path, AcknowledgingSpool()).open() }
        #expect(error?.reason == .foreign(owner: 65534))
    }

    @Test func `mode and group are applied`() throws {
        let directory = try makeDirectory()
        defer { removeDirectory(directory) }
        let path = directory + "/s.sock"
        let group = String(cString: try #require(getgrgid(getegid())).pointee.gr_name)
        let input = testInput(path, AcknowledgingSpool()) {
            $0.mode = 0o622
            $0.group = group
        }
        try input.open()
        #expect(try FileIdentity.at(path).mode & 0o777 == 0o622)
        let unknown = testInput(directory + "/other.sock", AcknowledgingSpool()) { $0.group = "no-such-group" }
        let error = #expect(throws: SocketOpenError.self) { try unknown.open() }
        #expect(error?.reason == .unknownGroup("no-such-group"))
    }

    @Test func `a missing directory and a path too long are said so`() throws {
        let missing = #expect(throws: SocketOpenError.self) {
            try testInput("/nonexistent/opslogd/s.sock", AcknowledgingSpool()).open()
        }
        #expect(missing?.description.contains("its directory does not exist") == true)
        let long = #expect(throws: SocketOpenError.self) {
            try testInput("/tmp/" + String(repeating: "x", count: 120), AcknowledgingSpool()).open()
        }
        #expect(long?.description.contains("at most 107 bytes") == true)
    }

    @Test func `a socket that was handed over is served and left in place`() throws {
        let directory = try makeDirectory()
        let path = directory + "/s.sock"
        defer { removeDirectory(directory) }
        let manager = try UnixSocket.open()
        try UnixSocket.bind(manager, to: path)
        #expect(listen(manager.rawValue, 16) == 0)
        let spool = AcknowledgingSpool()
        let handedOver = dup(manager.rawValue)
        let input = testInput(path, spool) {
            $0.inherited = handedOver
            $0.maxConnections = 1
        }
        try input.open()
        let thread = RunningInput(input)
        let first = try TestClient(path)
        first.send(ackRequest + castError())
        #expect(first.lines(1) == [#"{"durable":1}"#])
        let waiting = try TestClient(path)
        waiting.send(castError())
        input.stop()
        try eventually("run() ends") { thread.hasEnded }
        #expect(access(path, F_OK) == 0)
        #expect(spool.recordCount == 1)
        // What waits is left to the next.
        let next = try #require(try UnixSocket.accept(from: manager, path))
        var byte: UInt8 = 0
        #expect(recv(next.rawValue, &byte, 1, 0) == 1)
    }

    @Test func `a descriptor that does not listen is refused`() throws {
        let other = try UnixSocket.open()
        let handedOver = dup(other.rawValue)
        let input = testInput("/tmp/x.sock", AcknowledgingSpool()) { $0.inherited = handedOver }
        let error = #expect(throws: SocketOpenError.self) { try input.open() }
        #expect(error?.reason == .unsuitable(for: .stream))
    }

    @Test func `the connections that are open are shown`() throws {
        let rig = try SocketRig()
        let client = try rig.connect()
        client.send(ackRequest + castError())
        #expect(client.lines(1).count == 1)
        #expect(rig.input.status.connections == 1)
        #expect(rig.input.status.isAccepting)
        let gauge = rig.registry.read().first { $0.name == "opslogd_connections" }
        guard case .gauge(let value)? = gauge?.series.first?.reading else {
            Issue.record("there is no gauge of connections")
            return
        }
        #expect(value == 1)
        #expect(gauge?.series.first?.labels.first?.value == "pipelines")
        try rig.stop()
    }

    @Test func `an idle input uses no processor time`() throws {
        let rig = try SocketRig()
        let clients = try (0..<20).map { _ in try rig.connect() }
        for client in clients { client.send(ackRequest) }
        // Half of them have gone with nothing to be told but nought.
        for client in clients[..<10] { client.endWriting() }
        try eventually("half are gone") { rig.input.status.connections == 10 }
        usleep(20_000)
        let rounds = rig.input.rounds
        usleep(300_000)
        #expect(rig.input.rounds == rounds)
        // Optimised code would close those that are idle where they are named last.
        withExtendedLifetime(clients) {}
        try rig.stop()
    }
}
