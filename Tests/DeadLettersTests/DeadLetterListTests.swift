import DeadLetters
import LinuxSystem
import OperationLogs
import Testing

@Suite struct DeadLetterListTests {
    @Test func `a store that was never made is an empty list, and is not made by looking`() throws {
        let scratch = try ScratchDirectory()
        #expect(try listedIDs(scratch.storage).isEmpty)
        #expect(try scratch.storage.names().isEmpty)
    }

    @Test func `each filter takes what it names, together they take what fits all`() throws {
        let scratch = try ScratchDirectory()
        try openStore(scratch.storage).append([
            letter(1, .tooDeep, event: nil, time: 10), letter(2, input: "pipelines", time: 20), letter(3, time: 30),
            letter(4, .rejectedByDatabase, event: .backupLogs, time: 40),
        ])
        func ids(_ filter: DeadLetterFilter) throws -> [UInt64] {
            try listed(scratch.storage, filter).map(\.id.rawValue)
        }
        func time(_ offset: Int64) -> Timestamp { letter(0, time: offset).time }
        #expect(try ids(DeadLetterFilter(ids: [SequenceNumber(2), SequenceNumber(7)])) == [2])
        #expect(try ids(DeadLetterFilter(reasons: [.missingField, .tooDeep])) == [1, 2, 3])
        #expect(try ids(DeadLetterFilter(events: [.backupLogs])) == [4])
        #expect(try ids(DeadLetterFilter(inputs: ["pipelines"])) == [2])
        #expect(try ids(DeadLetterFilter(sqlstates: ["22003"])) == [4])
        #expect(try ids(DeadLetterFilter(sqlstates: ["23505"])) == [])
        #expect(try ids(DeadLetterFilter(since: time(20))) == [2, 3, 4])
        #expect(try ids(DeadLetterFilter(until: time(20))) == [1])
        #expect(try ids(DeadLetterFilter(reasons: [.missingField], since: time(25), until: time(35))) == [3])
    }

    @Test func `what is durable in the spool and not moved yet is listed in its place, once`() throws {
        let scratch = try ScratchDirectory()
        let spool = MemorySpool()
        let line = Array("x".utf8)
        spool.append(rejections: [[line, line]])
        spool.append(events: 2)
        spool.append(rejections: [[line], [line, line]])
        spool.append(events: 1)
        spool.append(rejections: [[line]])
        let store = try openStore(scratch.storage)
        try store.append([letter(1), letter(2), letter(8, .rejectedByDatabase), letter(3, .rejectedByDatabase)])
        let found = try listed(scratch.storage, unmoved: spool.source().walk)
        #expect(found.map(\.id.rawValue) == [1, 2, 3, 5, 6, 7, 8, 9])
        #expect(found.filter { $0.source.input == "loader" }.map(\.id.rawValue) == [5, 6, 7, 9])
        #expect(try DeadLetterList(in: scratch.storage).movedUpTo == SequenceNumber(2))
    }

    @Test func `the spool is read from where lines were noted as moved`() throws {
        let scratch = try ScratchDirectory()
        let spool = MemorySpool()
        spool.append(rejections: [[[1], [2], [3]]])
        let source = spool.source()
        var ids: [UInt64] = []
        try DeadLetterList(in: scratch.storage).forEach(unmoved: source.walk, noted: SequenceNumber(2)) {
            ids.append($0.id.rawValue)
            return true
        }
        #expect(ids == [3])
        #expect(source.sought == [3, 3])
    }

    @Test func `the walk ends when enough was seen`() throws {
        let scratch = try ScratchDirectory()
        try openStore(scratch.storage).append((1...10).map { letter($0) })
        var ids: [UInt64] = []
        try DeadLetterList(in: scratch.storage).forEach {
            ids.append($0.id.rawValue)
            return ids.count < 3
        }
        #expect(ids == [1, 2, 3])
    }

    @Test func `an append that is under way is neither listed nor called damage`() throws {
        let scratch = try ScratchDirectory()
        try openStore(scratch.storage).append([letter(1), letter(2)])
        let whole = try scratch.bytes(of: "0000000001.dead")
        for cut in 1...200 {
            try scratch.write(Array(whole.dropLast(cut)), to: "0000000001.dead")
            let list = try DeadLetterList(in: scratch.storage)
            #expect(list.damage.isEmpty)
            #expect(try listedIDs(scratch.storage) == [1])
        }
    }
}
