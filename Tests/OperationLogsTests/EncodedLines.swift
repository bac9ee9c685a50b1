import Testing

@testable import OperationLogs

/// What became of some bytes, and how it is asked for in these tests.
struct EncodedLines: Equatable {
    struct Event: Equatable {
        var kind: EventKind
        var offset: UInt64
        var flags: UInt8
        var payload: [UInt8]
        var line: String
    }
    struct Rejected: Equatable {
        var reason: RejectionReason
        var event: EventKind?
        var offset: UInt64
        var detail: String
        var line: [UInt8]
        var isTruncated: Bool
    }

    var events: [Event] = []
    var rejected: [Rejected] = []
    var rejections: [LineEncoder.Rejection] = []
    var controls: [String] = []
    var lines = 0

    var reasons: [RejectionReason] { rejected.map(\.reason) }
}

/// Noon of 2026-11-23.
let noon = Timestamp(microseconds: 848_750_400_000_000)

func lineOptions(
    maxLineBytes: Int = 1 << 20, counting: LineEncoder.Counting = .lines, takesControlLines: Bool = false
) -> LineEncoder.Options {
    LineEncoder.Options(
        maxLineBytes: maxLineBytes, maxFutureMicroseconds: 86_400_000_000, counting: counting,
        takesControlLines: takesControlLines, reportsRejections: true)
}

/// Feeds the pieces one after the other, as an input does, and reads the chunks back.
func encode(
    pieces: [[UInt8]], _ options: LineEncoder.Options = lineOptions(), finishes: Bool = true,
    clock: WatermarkClock = WatermarkClock(notBefore: Timestamp(microseconds: .min))
) throws -> EncodedLines {
    var encoder = LineEncoder(options, watermarkClock: clock)
    let builder = ChunkBuilder()
    var result = EncodedLines()
    var pending: [UInt8] = []
    var offset: UInt64 = options.counting == .lines ? 1 : 0
    for place in 0...pieces.count {
        let isEnd = place == pieces.count
        if isEnd, !finishes { break }
        if !isEnd { pending += pieces[place] }
        while true {
            let progress = pending.withUnsafeBytes { bytes in
                isEnd
                    ? encoder.finish(bytes, offset: offset, originator: 0, received: noon, into: builder)
                    : encoder.encode(bytes, offset: offset, originator: 0, received: noon, into: builder)
            }
            result.lines += progress.lines
            offset += UInt64(options.counting == .lines ? progress.lines : progress.consumed)
            if case .control(let range) = progress.pause {
                result.controls.append(String(decoding: pending[range], as: UTF8.self))
            }
            pending.removeFirst(progress.consumed)
            if progress.pause == .chunkFull { try result.read(builder.close(ticket: 0, receipt: nil)) }
            if progress.pause == .needsMoreBytes { break }
        }
    }
    if finishes { #expect(pending.isEmpty) }
    try result.read(builder.close(ticket: 0, receipt: nil))
    result.rejections = encoder.takeRejections()
    #expect(result.rejections.map(\.offset) == result.rejected.map(\.offset))
    #expect(encoder.rejections.isEmpty)
    return result
}

func encode(
    _ text: String, _ options: LineEncoder.Options = lineOptions(),
    clock: WatermarkClock = WatermarkClock(notBefore: Timestamp(microseconds: .min))
) throws -> EncodedLines {
    try encode(pieces: [Array(text.utf8)], options, clock: clock)
}

/// The reason for which one line is rejected; nil if it is an event.
func reason(_ line: String) throws -> RejectionReason? { try reason(Array(line.utf8)) }

func reason(_ line: [UInt8]) throws -> RejectionReason? {
    let result = try encode(pieces: [line + [0x0a]])
    #expect(result.events.count + result.rejected.count == 1, "one outcome")
    return result.rejected.first?.reason
}

/// The tuple of one line that is an event, written again.
func written(_ line: String) throws -> String { try #require(try encode(line).events.first).line }

extension EncodedLines {
    mutating func read(_ chunk: RecordChunk) throws {
        try ChunkReader(chunk.bytes, firstSequence: SequenceNumber(1)).forEachRecord { record in
            if let tuple = try EventTuple(record) {
                events.append(
                    Event(
                        kind: tuple.kind, offset: record.offset, flags: record.flags, payload: Array(record.payload),
                        line: String(decoding: tuple.line, as: UTF8.self)))
            } else {
                let line = try RejectedLine(record.payload)
                rejected.append(
                    Rejected(
                        reason: line.reason, event: line.event, offset: record.offset, detail: line.detail,
                        line: Array(line.line), isTruncated: line.isTruncated))
            }
        }
    }
}
