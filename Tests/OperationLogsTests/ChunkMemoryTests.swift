import Testing

@testable import OperationLogs

/// Full chunks give their memory to the next ones: never while somebody still holds them.
@Suite struct ChunkMemoryTests {
    /// A chunk of more than half a megabyte, all of whose lines are made of one byte.
    private static func fill(_ builder: ChunkBuilder, with byte: UInt8) throws -> RecordChunk {
        let line = [UInt8](repeating: byte, count: 1000)
        let originator = builder.add(RecordOriginator(kind: .file, input: "a", path: "/a"))
        for _ in 0..<900 {
            line.withUnsafeBytes {
                builder.appendRejection(
                    .invalidJSON, event: nil, detail: "", line: $0, isTruncated: false, originator: originator,
                    received: Timestamp(microseconds: 0), offset: 0)
            }
        }
        return builder.close(ticket: 1, receipt: nil)
    }

    private static func holds(_ chunk: RecordChunk, _ byte: UInt8) throws -> Bool {
        var lines = 0
        try ChunkReader(chunk.bytes, firstSequence: SequenceNumber(1)).forEachRecord { record in
            if try RejectedLine(record.payload).line.allSatisfy({ $0 == byte }) { lines += 1 }
        }
        return lines == 900
    }

    @Test func `a chunk that is held keeps its bytes, whatever is made after it`() throws {
        let builder = ChunkBuilder()
        var held: [(chunk: RecordChunk, byte: UInt8)] = []
        for round in 0..<60 {
            let byte = UInt8(round + 1)
            held.append((try Self.fill(builder, with: byte), byte))
            // Let go in another order than they were made in.
            if held.count > 12 { held.remove(at: round % held.count) }
            for (chunk, byte) in held { #expect(try Self.holds(chunk, byte)) }
        }
    }

    @Test func `memory that was given back is taken again`() {
        let memory = ChunkMemory()
        let first = memory.take()
        memory.giveBack(first, capacity: ChunkMemory.blockBytes)
        let second = memory.take()
        #expect(second == first)
        memory.giveBack(second, capacity: ChunkMemory.blockBytes)
    }
}
