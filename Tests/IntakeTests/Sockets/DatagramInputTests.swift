import Glibc
import Instruments
import LinuxSystem
import OperationLogs
import Testing

@testable import Intake

@Suite struct DatagramInputTests {
    @Test func `each datagram is a record with its number and its sender`() throws {
        let rig = try DatagramRig()
        let sender = try DatagramSender(rig.path)
        #expect(sender.send(castError("a")) == 0)
        #expect(sender.send("nonsense\n") == 0)
        #expect(sender.send(castError("c")) == 0)
        try eventually("all are records") { rig.spool.recordCount == 3 }
        try rig.stop()
        let records = try rig.spool.records()
        #expect(records.map(\.offset) == [1, 2, 3])
        #expect(records.map(\.reason) == [nil, .invalidJSON, nil])
        #expect(records[1].rejectedLine == "nonsense")
        let originator = RecordOriginator(
            kind: .datagram, input: "lone-lines", uid: geteuid(), pid: UInt32(getpid()))
        #expect(records.allSatisfy { $0.originator == originator })
    }

    @Test func `the line's end is optional, and an empty datagram is none`() throws {
        let rig = try DatagramRig()
        let sender = try DatagramSender(rig.path)
        let line = castError()
        for text in ["", String(line.dropLast()), "\n", line, " \r\n", line.dropLast() + "\r\n"] {
            try sender.sendWhenThereIsRoom(text)
        }
        try eventually("the lines are records") { rig.spool.recordCount == 3 }
        try rig.stop()
        let records = try rig.spool.records()
        #expect(records.allSatisfy { !$0.isRejection })
        #expect(records.map(\.offset) == [2, 4, 6])
    }

    @Test func `a datagram is one line, and a control line is none`() throws {
        let rig = try DatagramRig()
        let sender = try DatagramSender(rig.path)
        try sender.sendWhenThereIsRoom(castError() + castError())
        try sender.sendWhenThereIsRoom(ackRequest)
        try eventually("both are records") { rig.spool.recordCount == 2 }
        try rig.stop()
        #expect(try rig.spool.records().map(\.reason) == [.invalidJSON, .missingEvent])
    }

    @Test func `a datagram that is too long leaves its beginning, and the next is taken`() throws {
        let rig = try DatagramRig { $0.maxLineBytes = 1024 }
        let sender = try DatagramSender(rig.path)
        for length in [1025, 1026, 1027, 1028, 100_000] {
            try sender.sendWhenThereIsRoom(String(repeating: "x", count: length))
        }
        try sender.sendWhenThereIsRoom(castError())
        try eventually("all are records") { rig.spool.recordCount == 6 }
        try rig.stop()
        let records = try rig.spool.records()
        #expect(records.map(\.reason) == Array(repeating: .lineTooLong, count: 5) + [nil])
        #expect(records.map(\.rejectedBytes) == [1025, 1026, 1026, 1026, 1026, 0])
    }

    @Test func `the longest line passes with and without its end`() throws {
        let rig = try DatagramRig { $0.maxLineBytes = 1024 }
        let sender = try DatagramSender(rig.path)
        let text = String(castError(String(repeating: "x", count: 1024 - castError("").utf8.count + 1)).dropLast())
        #expect(text.utf8.count == 1024)
        for end in ["", "\n", "\r", "\r\n"] { try sender.sendWhenThereIsRoom(text + end) }
        try eventually("all are records") { rig.spool.recordCount == 4 }
        try rig.stop()
        #expect(try rig.spool.records().allSatisfy { !$0.isRejection })
    }

    @Test func `lines may name things as the input is told`() throws {
        var mapping = LineMapping()
        mapping.event = .castErrors
        let rig = try DatagramRig { $0.dialect = LineDialect(mapping) }
        try DatagramSender(rig.path).sendWhenThereIsRoom(#"{"column_name":"price"}"#)
        try eventually("the line is a record") { rig.spool.recordCount == 1 }
        try rig.stop()
        #expect(try rig.spool.records().map(\.isRejection) == [false])
    }

    @Test func `what is queued travels as one chunk`() throws {
        let rig = try DatagramRig(runs: false)
        let sender = try DatagramSender(rig.path)
        var queued = 0
        while queued < 64, sender.send(castError()) == 0 { queued += 1 }
        #expect(queued > 1)
        rig.run()
        try eventually("all are records") { rig.spool.recordCount == queued }
        try rig.stop()
        #expect(rig.spool.chunkCount == 1)
        #expect(try rig.spool.originatorCounts() == [1])
    }

    @Test func `lines, bytes and events are counted`() throws {
        let rig = try DatagramRig()
        let sender = try DatagramSender(rig.path)
        try sender.sendWhenThereIsRoom(castError())
        try sender.sendWhenThereIsRoom("x")
        try eventually("both are records") { rig.spool.recordCount == 2 }
        try rig.stop()
        func count(_ name: String, _ label: String? = nil) -> UInt64? {
            let series = rig.registry.read().first { $0.name == name }?.series.first { series in
                label.map { wanted in series.labels.contains { $0.value == wanted } } ?? true
            }
            guard case .counter(let value)? = series?.reading else { return nil }
            return value
        }
        #expect(count("opslogd_lines_read_total") == 2)
        #expect(count("opslogd_bytes_read_total") == UInt64(castError().utf8.count + 1))
        #expect(count("opslogd_events_accepted_total", "cast_errors") == 1)
        #expect(count("opslogd_lines_rejected_total", "invalid_json") == 1)
    }

    @Test func `while the spool takes nothing, nothing is received and nothing is lost`() throws {
        let rig = try DatagramRig(AcknowledgingSpool(holding: true)) { $0.windowBytes = 4096 }
        let sender = try DatagramSender(rig.path)
        #expect(rig.input.status.name == "lone-lines" && rig.input.status.path == rig.path)
        var sent = 0
        var quiet = 0
        while quiet < 25 {
            let code = sender.send(castError("column \(sent)"))
            if code == 0 {
                sent += 1
                quiet = 0
            } else {
                #expect(code == EAGAIN)
                quiet += 1
                usleep(4000)
            }
        }
        let stuck = rig.spool.recordCount
        #expect(stuck > 0 && stuck < sent)
        #expect(!rig.input.status.isReceiving)
        let rounds = rig.input.rounds
        usleep(50_000)
        #expect(rig.spool.recordCount == stuck)
        #expect(rig.input.rounds == rounds)
        rig.spool.release()
        try eventually("all are records") { rig.spool.recordCount == sent }
        try eventually("it receives again") { rig.input.status.isReceiving }
        try rig.stop()
        #expect(try rig.spool.records().map(\.offset) == Array(1...UInt64(sent)))
    }

    @Test func `an idle input uses no processor time`() throws {
        let rig = try DatagramRig()
        let sender = try DatagramSender(rig.path)
        try sender.sendWhenThereIsRoom(castError())
        try eventually("the line is a record") { rig.spool.recordCount == 1 }
        usleep(50_000)
        let rounds = rig.input.rounds
        usleep(300_000)
        #expect(rig.input.rounds == rounds)
        try rig.stop()
    }
}
