import Glibc
import OperationLogs
import Testing

@testable import Intake

@Suite struct SocketAcknowledgementTests {
    @Test func `lines are acknowledged and the last number comes before the close`() throws {
        let rig = try SocketRig()
        let client = try rig.connect()
        client.send(ackRequest)
        client.send(castError())
        #expect(client.lines(1) == [#"{"durable":1}"#])
        client.send(castError() + castError())
        #expect(client.lines(1) == [#"{"durable":3}"#])
        client.endWriting()
        #expect(client.rest() == "")
        try rig.stop()
        let records = try rig.spool.records()
        #expect(records.map(\.offset) == [1, 2, 3])
        #expect(records.allSatisfy { !$0.isRejection })
        let peer = records[0].originator
        #expect(peer.kind == .socket && peer.input == "pipelines" && peer.path == nil)
        #expect(peer.uid == geteuid() && peer.pid == UInt32(getpid()))
    }

    @Test func `nothing is written without the request`() throws {
        let rig = try SocketRig()
        let client = try rig.connect()
        client.send(castError() + "nonsense\n")
        try eventually("both lines are records") { rig.spool.recordCount == 2 }
        #expect(!client.hears(milliseconds: 50))
        client.endWriting()
        #expect(client.rest() == "")
        try rig.stop()
    }

    @Test func `no number is told before the spool says durable`() throws {
        let rig = try SocketRig(AcknowledgingSpool(holding: true))
        let client = try rig.connect()
        client.send(ackRequest + castError())
        try eventually("the line is under way") { rig.spool.recordCount == 1 }
        client.endWriting()
        #expect(!client.hears(milliseconds: 50))
        rig.spool.release()
        #expect(client.rest() == "{\"durable\":1}\n")
        try rig.stop()
    }

    @Test func `rejections come before the number that covers them`() throws {
        let rig = try SocketRig(AcknowledgingSpool(holding: true))
        let client = try rig.connect()
        client.send(ackRequest + castError() + #"{"event":"cast_errors"}"# + "\n" + "nonsense\n")
        client.endWriting()
        try eventually("all are under way") { rig.spool.recordCount == 3 }
        rig.spool.release()
        let lines = client.rest().split(separator: "\n")
        #expect(lines.count == 3)
        #expect(lines[0].hasPrefix(#"{"rejected":{"line":2,"reason":"missing_field","detail":""#))
        #expect(lines[1].hasPrefix(#"{"rejected":{"line":3,"reason":"invalid_json","detail":""#))
        #expect(lines[2] == #"{"durable":3}"#)
        try rig.stop()
    }

    @Test func `empty lines count and are answered at once`() throws {
        let rig = try SocketRig(AcknowledgingSpool(holding: true))
        let client = try rig.connect()
        client.send(ackRequest + "\n \n\r\n")
        #expect(client.lines(1) == [#"{"durable":3}"#])
        client.send(castError())
        client.endWriting()
        try eventually("the line is under way") { rig.spool.recordCount == 1 }
        rig.spool.release()
        #expect(client.rest() == "{\"durable\":4}\n")
        #expect(try rig.spool.records().map(\.offset) == [4])
        try rig.stop()
    }

    @Test func `a connection that only asks is told nought`() throws {
        let rig = try SocketRig()
        let client = try rig.connect()
        client.send(ackRequest)
        client.endWriting()
        #expect(client.rest() == "{\"durable\":0}\n")
        try rig.stop()
    }

    @Test func `a last line without its end counts if it is an object`() throws {
        let rig = try SocketRig()
        let whole = try rig.connect()
        whole.send(ackRequest + castError() + castError("last").dropLast())
        whole.endWriting()
        #expect(whole.rest().hasSuffix("{\"durable\":2}\n"))
        let torn = try rig.connect()
        torn.send(ackRequest + #"{"event":"cast_err"#)
        torn.endWriting()
        let answers = torn.rest().split(separator: "\n")
        #expect(answers.count == 2)
        #expect(answers[0].hasPrefix(#"{"rejected":{"line":1,"reason":"incomplete_line""#))
        #expect(answers[1] == #"{"durable":1}"#)
        try rig.stop()
        #expect(try rig.spool.records().map(\.reason) == [nil, nil, .incompleteLine])
    }

    @Test func `a client that dies in a line leaves a dead letter`() throws {
        let rig = try SocketRig()
        do {
            let client = try rig.connect()
            client.send(castError() + #"{"event":"cast_errors","colu"#)
        }
        try eventually("two records") { rig.spool.recordCount == 2 }
        try eventually("the connection is gone") { rig.input.status.connections == 0 }
        try rig.stop()
        let last = try #require(try rig.spool.records().last)
        #expect(last.reason == .incompleteLine)
        #expect(last.rejectedLine == #"{"event":"cast_errors","colu"#)
        #expect(last.offset == 2)
    }

    @Test func `a client that dies with answers unread loses no line`() throws {
        let rig = try SocketRig(AcknowledgingSpool(holding: true))
        do {
            let client = try rig.connect()
            client.send(ackRequest + "\n")
            try eventually("an answer waits") { client.hears(milliseconds: 1000) }
            client.send(castError() + castError())
        }
        try eventually("both are records") { rig.spool.recordCount == 2 }
        rig.spool.release()
        try eventually("the connection is gone") { rig.input.status.connections == 0 }
        try rig.stop()
    }

    @Test func `control lines are answered and never counted`() throws {
        let rig = try SocketRig()
        let client = try rig.connect()
        client.send(ackRequest + castError())
        #expect(client.lines(1) == [#"{"durable":1}"#])
        client.send(ackRequest)
        #expect(client.lines(1)[0].hasPrefix(#"{"error":"ack is for the first line"#))
        client.send(#"{"opslogd":{"watermark":"loader"}}"# + "\n")
        #expect(client.lines(1)[0].hasPrefix(#"{"error":"nobody answers questions"#))
        client.send(#" { "opslogd" : 5 } "# + "\n" + castError())
        let last = client.lines(2)
        #expect(last[0].hasPrefix(#"{"error":"unknown control line"#))
        #expect(last[1] == #"{"durable":2}"#)
        client.endWriting()
        #expect(client.rest() == "")
        try rig.stop()
        #expect(try rig.spool.records().map(\.offset) == [1, 2])
    }

    @Test func `a connection that never asked is told of a control line it got wrong`() throws {
        let rig = try SocketRig()
        let client = try rig.connect()
        client.send(castError() + ackRequest)
        #expect(client.lines(1)[0].hasPrefix(#"{"error":"ack is for the first line"#))
        client.send(castError())
        client.endWriting()
        #expect(client.rest() == "")
        try rig.stop()
        #expect(rig.spool.recordCount == 2)
    }

    @Test func `connections that bring nothing leave nothing behind`() throws {
        let rig = try SocketRig()
        for _ in 0..<20 {
            let client = try rig.connect()
            client.send(ackRequest + "\n")
            client.endWriting()
            #expect(client.rest() == "{\"durable\":1}\n")
        }
        let client = try rig.connect()
        client.send(ackRequest + castError())
        #expect(client.lines(1) == [#"{"durable":1}"#])
        try rig.stop()
        #expect(try rig.spool.originatorCounts() == [1])
    }

    @Test func `a request in pieces is one request`() throws {
        let rig = try SocketRig()
        let client = try rig.connect()
        for byte in Array((ackRequest + castError()).utf8) {
            client.send([byte])
            usleep(200)
        }
        #expect(client.lines(1) == [#"{"durable":1}"#])
        try rig.stop()
    }
}
