import Glibc
import OperationLogs
import Testing

@testable import Intake

@Suite(.serialized) struct SocketPressureTests {
    @Test func `a line of 100 MiB is a dead letter in bounded memory and the next line is a record`() throws {
        let rig = try SocketRig()
        let client = try rig.connect()
        client.send(ackRequest)
        let before = residentBytes()
        var highest = 0
        let piece = [UInt8](repeating: 0x78, count: 1 << 20)
        for _ in 0..<100 {
            #expect(client.send(piece) == piece.count)
            highest = max(highest, residentBytes())
        }
        client.send("\n" + castError())
        client.endWriting()
        let answers = client.rest().split(separator: "\n")
        #expect(answers.first?.hasPrefix(#"{"rejected":{"line":1,"reason":"line_too_long""#) == true)
        #expect(answers.last == #"{"durable":2}"#)
        #expect(highest - before < 24 << 20)
        try rig.stop()
        let records = try rig.spool.records()
        #expect(records.map(\.isRejection) == [true, false])
        #expect(records[0].rejectedBytes == RecordLayout.keptOfOverlongLine)
    }

    @Test func `two hundred lone lines share few chunks`() throws {
        let rig = try SocketRig()
        let clients = try (0..<200).map { _ in try rig.connect() }
        try eventually("all are accepted") { rig.input.status.connections == 200 }
        for client in clients { client.send(ackRequest) }
        usleep(50_000)
        for client in clients { client.send(castError()) }
        for client in clients { #expect(client.lines(1) == [#"{"durable":1}"#]) }
        #expect(rig.spool.recordCount == 200)
        #expect(rig.spool.chunkCount < 200)
        for client in clients { client.endWriting() }
        try eventually("all are gone") { rig.input.status.connections == 0 }
        try rig.stop()
    }

    @Test func `lines that stand ready on many connections are one chunk`() throws {
        let directory = try makeDirectory()
        defer { removeDirectory(directory) }
        let spool = AcknowledgingSpool()
        let input = testInput(directory + "/s.sock", spool)
        try input.open()
        let clients = try (0..<200).map { _ in try TestClient(directory + "/s.sock") }
        for client in clients { client.send(castError()) }
        let thread = RunningInput(input)
        try eventually("all are records") { spool.recordCount == 200 }
        #expect(spool.chunkCount <= 8)
        input.stop()
        try eventually("run() ends") { thread.hasEnded }
    }

    @Test func `a client that never reads its answers holds only itself up`() throws {
        let rig = try SocketRig(AcknowledgingSpool(keepsChunks: false)) { $0.windowBytes = 1 << 20 }
        let deaf = try rig.connect()
        let bad = Array(String(repeating: "no event at all, and long enough to be one\n", count: 1024).utf8)
        deaf.send(ackRequest)
        var sent = 0
        var quiet = 0
        let before = residentBytes()
        while quiet < 50 {
            let count = deaf.sendWithoutWaiting(Array(bad[(sent % bad.count)...]))
            if count > 0 {
                sent += count
                quiet = 0
            } else {
                quiet += 1
                usleep(4000)
            }
        }
        #expect(sent < 4 << 20)
        #expect(residentBytes() - before < 32 << 20)
        let other = try rig.connect()
        other.send(ackRequest + castError())
        #expect(other.lines(1) == [#"{"durable":1}"#])
        // It begins to read: everything is there.
        deaf.endWriting()
        let text = deaf.rest()
        let lineBytes = bad.count / 1024
        let whole = (sent + lineBytes - 1) / lineBytes
        #expect(text.hasSuffix("{\"durable\":\(whole)}\n"))
        #expect(text.utf8.filter { $0 == 0x0a }.count > whole)
        try rig.stop()
    }

    @Test func `a client that never reads its numbers is served for ever`() throws {
        let rig = try SocketRig(AcknowledgingSpool(keepsChunks: false))
        let deaf = try rig.connect()
        deaf.send(ackRequest)
        for _ in 0..<20_000 { deaf.send(castError()) }
        deaf.endWriting()
        #expect(deaf.rest().hasSuffix("{\"durable\":20000}\n"))
        try rig.stop()
    }

    @Test func `while the spool takes nothing the client waits and nothing is lost`() throws {
        let rig = try SocketRig(AcknowledgingSpool(holding: true, keepsChunks: false)) { $0.windowBytes = 256 << 10 }
        let client = try rig.connect()
        client.send(ackRequest)
        let lines = 50_000
        let line = Array(castError("a column with a name of some length").utf8)
        var stock: [UInt8] = []
        for _ in 0..<lines { stock += line }
        var sent = 0
        var quiet = 0
        while quiet < 25, sent < stock.count {
            let count = client.sendWithoutWaiting(Array(stock[sent...]))
            if count > 0 {
                sent += count
                quiet = 0
            } else {
                quiet += 1
                usleep(4000)
            }
        }
        let stuck = rig.spool.recordCount
        #expect(stuck > 0 && stuck < lines)
        usleep(50_000)
        #expect(rig.spool.recordCount == stuck)
        #expect(!client.hears(milliseconds: 0))
        rig.spool.release()
        client.send(Array(stock[sent...]))
        client.endWriting()
        #expect(client.rest().hasSuffix("{\"durable\":\(lines)}\n"))
        #expect(rig.spool.recordCount == lines)
        try rig.stop()
    }

    @Test func `a flood on some connections does not keep another waiting`() throws {
        let rig = try SocketRig(AcknowledgingSpool(keepsChunks: false))
        let flood = Array(String(repeating: castError(), count: 4000).utf8)
        let done = Ended()
        for _ in 0..<2 {
            let client = try rig.connect()
            RunningInput.start {
                while !done.isSet, client.send(flood) == flood.count {}
            }
        }
        let lone = try rig.connect()
        lone.send(ackRequest)
        for number in 1...20 {
            lone.send(castError())
            #expect(lone.lines(1) == ["{\"durable\":\(number)}"])
        }
        done.set()
        try rig.stop()
    }

    @Test func `connections beyond the limit wait in the backlog`() throws {
        let rig = try SocketRig { $0.maxConnections = 2 }
        let first = try rig.connect()
        let second = try rig.connect()
        first.send(ackRequest + castError())
        #expect(first.lines(1) == [#"{"durable":1}"#])
        let third = try rig.connect()
        third.send(ackRequest + castError())
        second.send(ackRequest + castError())
        #expect(second.lines(1) == [#"{"durable":1}"#])
        #expect(!third.hears(milliseconds: 50))
        #expect(rig.input.status.connections == 2)
        #expect(!rig.input.status.isAccepting)
        first.endWriting()
        #expect(third.lines(1) == [#"{"durable":1}"#])
        try rig.stop()
    }
}
