import OperationLogs
import Testing

@testable import Intake
@testable import opslogd

/// Which records hold a byte of a file, in chunks as a file's input and retries make them.
@Suite struct ByteSearchTests {
    /// Lines that were read of one file: where they begin, and how far the file is read behind them.
    private struct Read {
        var file: UInt8
        var path = "/l"
        var lines: [UInt64]
        var upTo: UInt64
    }

    private static func key(_ file: UInt8) -> [UInt8] { Array("i".utf8) + [0] + [UInt8](repeating: file, count: 16) }

    private static func value(_ path: String, _ offset: UInt64) -> [UInt8] {
        FilePosition(
            inode: 1, birthNanoseconds: 1, device: 1, boot: [UInt8](repeating: 0, count: 16), flags: [],
            mark: ContentMark(startingAt: offset, tail: []), sizeSeen: offset, fingerprint: 0,
            beginning: ContentBeginning(lineEnds: []), takenFrom: 0, path: path
        ).encoded
    }

    private static func append(_ offset: UInt64, _ originator: UInt16, to builder: ChunkBuilder) {
        builder.appendRejection(
            .missingField, event: nil, detail: "", line: UnsafeRawBufferPointer(start: nil, count: 0),
            isTruncated: false, originator: originator, received: Timestamp(microseconds: 0), offset: offset)
    }

    private static func chunk(_ reads: Read...) -> RecordChunk {
        let builder = ChunkBuilder()
        for read in reads {
            let originator = builder.add(RecordOriginator(kind: .file, input: "i", path: read.path))
            for offset in read.lines { append(offset, originator, to: builder) }
            builder.addPosition(key: key(read.file), value: value(read.path, read.upTo))
        }
        return builder.close(ticket: 1, receipt: nil)
    }

    /// Lines of dead letters that were sent again, each with its note.
    private static func retries(_ letters: [(letter: UInt64, offset: UInt64)]) -> RecordChunk {
        let builder = ChunkBuilder()
        for (letter, offset) in letters {
            let originator = builder.add(RecordOriginator(kind: .file, input: "i", path: "/l"))
            append(offset, originator, to: builder)
            builder.appendRetryNote(
                of: SequenceNumber(letter), originator: originator, received: Timestamp(microseconds: 0))
        }
        return builder.close(ticket: 1, receipt: nil)
    }

    /// Lines that were read again after damage: no position of their file stands with them.
    private static func rereading(_ lines: [UInt64]) -> RecordChunk {
        let builder = ChunkBuilder()
        let originator = builder.add(RecordOriginator(kind: .file, input: "i", path: "/l"))
        for offset in lines { append(offset, originator, to: builder) }
        return builder.close(ticket: 1, receipt: nil)
    }

    /// The numbers of the records that are found; those of the chunks begin at `first`.
    private func found(
        _ byte: UInt64, in chunks: [RecordChunk], names: Set<String> = ["/l"], file: UInt8? = nil, first: UInt64 = 1
    ) throws -> [UInt64] {
        var search = ByteSearch(names: names, byte: byte, file: file.map { (key: Self.key($0), name: "/l") })
        var next = SequenceNumber(first)
        for chunk in chunks {
            try search.take(ChunkReader(chunk.bytes, firstSequence: next))
            next = next.advanced(by: chunk.recordCount)
        }
        return search.found.map(\.rawValue)
    }

    @Test func `a byte leads to the line that holds it, in whatever chunk that is`() throws {
        let chunks = [
            Self.chunk(Read(file: 1, lines: [0, 10], upTo: 20)), Self.chunk(Read(file: 1, lines: [20], upTo: 30)),
        ]
        #expect(try found(0, in: chunks) == [1])
        #expect(try found(19, in: chunks) == [2])
        #expect(try found(20, in: chunks) == [3])
        #expect(try found(30, in: chunks) == [], "not read yet")
        #expect(try found(5, in: chunks, names: ["/other"]) == [])
    }

    @Test func `what was sent again is found with its line only, also when it was sent again twice`() throws {
        let chunks = [
            Self.chunk(Read(file: 1, lines: [0, 10, 20], upTo: 30)), Self.retries([(1, 0), (2, 10)]),
            Self.chunk(Read(file: 1, lines: [30], upTo: 40)), Self.retries([(6, 10)]),
        ]
        #expect(try found(5, in: chunks) == [1, 4])
        #expect(try found(15, in: chunks) == [2, 6, 9])
        #expect(try found(25, in: chunks) == [3])
        #expect(try found(35, in: chunks) == [8])
        #expect(try found(9999, in: chunks) == [])
    }

    @Test func `of what was sent again without its line being kept, its first byte is known`() throws {
        let chunks = [Self.chunk(Read(file: 1, lines: [30], upTo: 40)), Self.retries([(2, 10)])]
        #expect(try found(10, in: chunks, first: 50) == [51])
        #expect(try found(11, in: chunks, first: 50) == [])
    }

    @Test func `each content of a name has its line, and none for a byte that it does not have`() throws {
        let chunks = [
            Self.chunk(Read(file: 1, lines: [0, 50], upTo: 100)), Self.chunk(Read(file: 2, lines: [0, 10], upTo: 20)),
        ]
        #expect(try found(15, in: chunks) == [1, 4])
        #expect(try found(60, in: chunks) == [2])
        #expect(try found(100, in: chunks) == [])
    }

    @Test func `two files of one name in one chunk are told apart`() throws {
        let chunks = [
            Self.chunk(Read(file: 1, lines: [0, 50], upTo: 100)),
            Self.chunk(
                Read(file: 1, lines: [100, 150], upTo: 200), Read(file: 2, lines: [0, 60, 120, 180], upTo: 240)),
        ]
        #expect(try found(110, in: chunks) == [3, 6])
        #expect(try found(190, in: chunks) == [4, 8])
        #expect(try found(220, in: chunks) == [8])
    }

    @Test func `a file that was renamed has its own lines only`() throws {
        let chunks = [
            Self.chunk(Read(file: 1, lines: [0, 50], upTo: 100)), Self.chunk(Read(file: 2, lines: [0, 10], upTo: 20)),
            Self.chunk(Read(file: 3, path: "/l.1", lines: [0], upTo: 9)), Self.retries([(1, 0), (3, 0)]),
        ]
        #expect(try found(3, in: chunks, names: ["/l.1"]) == [5])
        #expect(try found(3, in: chunks, names: ["/m"], file: 1) == [1, 6])
        #expect(try found(3, in: chunks, names: ["/m"], file: 2) == [3, 8])
        #expect(try found(3, in: chunks, names: ["/l.1"], file: 1) == [1, 5, 6])
        #expect(try found(60, in: chunks, names: ["/m"], file: 2) == [])
    }

    @Test func `lines that were read again after damage fill the gap, and nothing else`() throws {
        let chunks = [
            Self.chunk(Read(file: 1, lines: [0, 10], upTo: 20)), Self.chunk(Read(file: 1, lines: [40], upTo: 50)),
            Self.rereading([20]), Self.rereading([30]),
        ]
        #expect(try found(25, in: chunks) == [4])
        #expect(try found(35, in: chunks) == [5])
        #expect(try found(15, in: chunks) == [2])
        #expect(try found(45, in: chunks) == [3])
        #expect(try found(50, in: chunks) == [])
    }
}
