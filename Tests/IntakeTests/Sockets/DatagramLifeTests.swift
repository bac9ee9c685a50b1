import Glibc
import LinuxSystem
import OperationLogs
import Testing

@testable import Intake

@Suite struct DatagramLifeTests {
    @Test func `the stop drains what is queued, and takes no more`() throws {
        let rig = try DatagramRig(AcknowledgingSpool(holding: true), runs: false)
        let sender = try DatagramSender(rig.path)
        for _ in 0..<5 { #expect(sender.send(castError()) == 0) }
        rig.input.stop()
        rig.run()
        try eventually("the queue was received") { rig.spool.recordCount == 5 }
        #expect(sender.send(castError()) == EPIPE)
        #expect(access(rig.path, F_OK) != 0)
        usleep(20_000)
        #expect(!rig.hasRunEnded)
        rig.spool.release()
        try eventually("run() ends") { rig.hasRunEnded }
        #expect(sender.send(castError()) != 0)
        #expect(rig.spool.recordCount == 5)
        #expect(!rig.input.status.isReceiving)
        try rig.stop()
    }

    @Test func `the stop waits for room, and loses nothing that is queued`() throws {
        let rig = try DatagramRig(AcknowledgingSpool(holding: true)) { $0.windowBytes = 1 }
        let sender = try DatagramSender(rig.path)
        #expect(sender.send(castError()) == 0)
        try eventually("the line is under way") { rig.spool.recordCount == 1 }
        for _ in 0..<5 { #expect(sender.send(castError()) == 0) }
        rig.input.stop()
        usleep(50_000)
        #expect(rig.spool.recordCount == 1)
        rig.spool.release()
        try eventually("run() ends") { rig.hasRunEnded }
        #expect(rig.spool.recordCount == 6)
        try rig.stop()
    }

    @Test func `a stop that the spool does not answer ends in its time`() throws {
        let rig = try DatagramRig(AcknowledgingSpool(holding: true)) { $0.stopMilliseconds = 200 }
        let sender = try DatagramSender(rig.path)
        #expect(sender.send(castError()) == 0)
        try eventually("the line is under way") { rig.spool.recordCount == 1 }
        rig.input.stop()
        try eventually("run() ends") { rig.hasRunEnded }
        try rig.stop()
    }

    @Test func `a path that another process has open is left to it`() throws {
        let rig = try DatagramRig()
        let second = #expect(throws: SocketOpenError.self) {
            try testDatagramInput(rig.path, AcknowledgingSpool()).open()
        }
        #expect(second?.reason == .occupied(pid: nil) && second?.description.contains(rig.path) == true)
        let stream = #expect(throws: SocketOpenError.self) { try testInput(rig.path, AcknowledgingSpool()).open() }
        #expect(stream?.reason == .occupied(pid: nil))
        #expect(try DatagramSender(rig.path).send(castError()) == 0)
        try rig.stop()
        let listening = try SocketRig()
        let datagram = #expect(throws: SocketOpenError.self) {
            try testDatagramInput(listening.path, AcknowledgingSpool()).open()
        }
        #expect(datagram?.reason == .occupied(pid: nil))
        try listening.stop()
    }

    @Test(arguments: [UnixSocket.Kind.stream, .datagram])
    func `a socket that nobody has open gives way`(_ kind: UnixSocket.Kind) throws {
        let directory = try makeDirectory()
        defer { removeDirectory(directory) }
        let path = directory + "/s.sock"
        do { try UnixSocket.bind(try UnixSocket.open(kind), to: path) }
        let spool = AcknowledgingSpool()
        let input = testDatagramInput(path, spool) { $0.mode = 0o622 }
        try input.open()
        #expect(try FileIdentity.at(path).mode & 0o777 == 0o622)
        let running = RunningInput(input)
        #expect(try DatagramSender(path).send(castError()) == 0)
        try eventually("the line is a record") { spool.recordCount == 1 }
        input.stop()
        try eventually("run() ends") { running.hasEnded }
    }

    @Test func `a socket that was handed over is served and left in place`() throws {
        let directory = try makeDirectory()
        defer { removeDirectory(directory) }
        let path = directory + "/s.sock"
        let manager = try UnixSocket.open(.datagram)
        try UnixSocket.bind(manager, to: path)
        let sender = try DatagramSender(path)
        // Before the kernel was asked to name senders.
        #expect(sender.send(castError("early")) == 0)
        let spool = AcknowledgingSpool()
        let handedOver = dup(manager.rawValue)
        let input = testDatagramInput(path, spool) { $0.inherited = handedOver }
        try input.open()
        let running = RunningInput(input)
        #expect(sender.send(castError("served")) == 0)
        try eventually("both are records") { spool.recordCount == 2 }
        #expect(try spool.records().map(\.originator.uid) == [nil, geteuid()])
        input.stop()
        try eventually("run() ends") { running.hasEnded }
        #expect(access(path, F_OK) == 0)
        // What comes now is left to the next.
        #expect(sender.send(castError("late")) == 0)
        var bytes = [UInt8](repeating: 0, count: 100)
        #expect(recv(manager.rawValue, &bytes, bytes.count, 0) == castError("late").utf8.count)
        #expect(spool.recordCount == 2)
    }

    @Test func `who cannot be named may send nothing where only some may`() throws {
        let directory = try makeDirectory()
        defer { removeDirectory(directory) }
        let manager = try UnixSocket.open(.datagram)
        try UnixSocket.bind(manager, to: directory + "/s.sock")
        let sender = try DatagramSender(directory + "/s.sock")
        #expect(sender.send(castError("early")) == 0)
        let spool = AcknowledgingSpool()
        let handedOver = dup(manager.rawValue)
        let input = testDatagramInput(directory + "/s.sock", spool) {
            $0.inherited = handedOver
            // 65534 is what the kernel says where it does not know.
            $0.allow = [PeerRule(.user("65534")), PeerRule(.user("\(geteuid())"))]
        }
        try input.open()
        #expect(sender.send(castError("named")) == 0)
        let running = RunningInput(input)
        try eventually("both are records") { spool.recordCount == 2 }
        input.stop()
        try eventually("run() ends") { running.hasEnded }
        #expect(try spool.records().map(\.reason) == [.notPermitted, nil])
    }

    @Test func `a descriptor of another type is refused`() throws {
        let stream = try UnixSocket.open()
        let forDatagrams = dup(stream.rawValue)
        let first = #expect(throws: SocketOpenError.self) {
            try testDatagramInput("/tmp/x.sock", AcknowledgingSpool()) { $0.inherited = forDatagrams }.open()
        }
        #expect(first?.reason == .unsuitable(for: .datagram))
        #expect(first?.description.contains("ListenDatagram=") == true)
        let datagrams = try UnixSocket.open(.datagram)
        let forConnections = dup(datagrams.rawValue)
        let second = #expect(throws: SocketOpenError.self) {
            try testInput("/tmp/x.sock", AcknowledgingSpool()) { $0.inherited = forConnections }.open()
        }
        #expect(second?.reason == .unsuitable(for: .stream))
    }
}
