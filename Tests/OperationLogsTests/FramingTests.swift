import Testing

@testable import OperationLogs

private let good = #"{"event":"cast_errors","column_name":"c"}"#

@Test func `lines are counted, blank ones too, and recorded where they begin`() throws {
    let text = "\n  \t\r\n\(good)\r\n\r\n\(good)\n5\n"
    let byLine = try encode(text)
    #expect(byLine.events.map(\.offset) == [3, 5])
    #expect(byLine.rejected.map(\.offset) == [6])
    #expect(byLine.lines == 6)
    let byByte = try encode(text, lineOptions(counting: .bytes))
    let at = UInt64(good.utf8.count)
    #expect(byByte.events.map(\.offset) == [6, 10 + at])
    #expect(byByte.rejected.map(\.offset) == [11 + 2 * at])
    #expect(byByte.lines == 6)
}

@Test func `a byte-order mark at the start of a file alone is skipped`() throws {
    let text = "\u{feff}\(good)\n\u{feff}\(good)\n"
    let file = try encode(text, lineOptions(counting: .bytes))
    #expect(file.events.map(\.offset) == [3])
    #expect(file.reasons == [.invalidJSON])
    #expect(try encode(text, lineOptions(counting: .lines)).events.isEmpty)
    #expect(try encode("\u{feff}\(good)", lineOptions(counting: .bytes)).events.map(\.offset) == [3])
    #expect(try encode("\u{feff}", lineOptions(counting: .bytes)).lines == 0)
}

@Test func `a carriage return before the line's end belongs to no line`() throws {
    #expect(try encode("{\r\n").rejected.first?.line == Array("{".utf8))
    #expect(try encode("[1]\r").rejected.first?.line == Array("[1]".utf8))
    #expect(try encode("{\"a\":\"x\r\n").rejected.first?.detail == "byte 8: the line ends too early")
}

@Test func `a last line without an end counts if it is a complete object`() throws {
    #expect(try encode(good).events.count == 1)
    #expect(try encode(" \(good) \r").events.count == 1)
    #expect(try encode(" \t \r").rejected.isEmpty)
    #expect(try encode(" ").lines == 1)
    #expect(try encode("").lines == 0)
    for text in ["{", good.dropLast() + "", "[]", "5", #"{"a":"\u0000"}"#, "{}}", #"{"a":"\ud8"#] {
        let result = try encode("\(good)\n\(text)")
        #expect(result.reasons == [.incompleteLine] && result.lines == 2)
        #expect(result.rejected.first?.line == Array(text.utf8))
    }
    #expect(try encode("{}").reasons == [.missingEvent])
    #expect(
        try encode(String(repeating: " ", count: 2000) + good, lineOptions(maxLineBytes: 1024)).reasons == [
            .lineTooLong
        ])
}

@Test func `every prefix of a line without an end is an incomplete line`() throws {
    let line =
        #"{"event":"dedup_conflicts","symbol":"a\u00e9\ud83d\ude00é😀\n","ts":"2026-11-20T00:00:00Z","existing_row":[1.5e+3,{"\u00e9":[true,false,null]}]}"#
    let bytes = Array(line.utf8)
    for length in 1..<bytes.count {
        let cut = Array(bytes.prefix(length))
        #expect(try encode(pieces: [cut]).reasons == [.incompleteLine])
        let ended = try encode(pieces: [cut + [0x0a] + bytes + [0x0a]])
        #expect(ended.rejected.count == 1 && ended.events.map(\.offset) == [2])
        #expect([.invalidJSON, .invalidUTF8, .unsupportedCharacter].contains(ended.reasons[0]))
    }
    #expect(try encode(line).events.count == 1)
}

@Test func `a control line is handed out and not counted`() throws {
    let options = lineOptions(takesControlLines: true)
    let text =
        "{\"opslogd\":{\"ack\":true}}\r\n\(good)\n {\"\\u006fpslogd\":5} \n5\n{\"opslogd\":1,\"a\":2}\n{\"opslogd\":null}"
    let result = try encode(text, options)
    #expect(result.controls == [#"{"opslogd":{"ack":true}}"#, #" {"\u006fpslogd":5} "#, #"{"opslogd":null}"#])
    #expect(result.events.map(\.offset) == [1])
    #expect(result.rejected.map(\.offset) == [2, 3])
    #expect(result.reasons == [.notAnObject, .missingEvent])
    #expect(result.lines == 3)
    #expect(try encode(#"{"opslogd":{"ack":true}}"#).reasons == [.missingEvent])
    #expect(try encode("{\"opslogd\":\u{1}}\n", options).reasons == [.invalidJSON])
}

@Test func `however the bytes are split, the records are the same`() throws {
    let line = #"{"event":"dedup_conflicts","symbol":"é\u00e9","ts":"2026-11-20T00:00:00Z","existing_row":[1]}"#
    let long = String(repeating: "x", count: 1100)
    let text = "\u{feff}\(line)\r\n\n{\"opslogd\":1}\n[\"é\n\(long)\r\n\(line)\n\(long)\n{"
    let bytes = Array(text.utf8)
    for counting in [LineEncoder.Counting.bytes, .lines] {
        let options = lineOptions(maxLineBytes: 1024, counting: counting, takesControlLines: true)
        let whole = try encode(pieces: [bytes], options)
        #expect(whole.lines == 7 && whole.controls.count == 1)
        for cut in 0...bytes.count {
            let split = try encode(pieces: [Array(bytes[..<cut]), Array(bytes[cut...])], options)
            #expect(split == whole)
        }
        #expect(try encode(pieces: bytes.map { [$0] }, options) == whole)
    }
}

@Test func `a line of the limit's length is taken, one byte more is not, with and without a carriage return`() throws {
    let options = lineOptions(maxLineBytes: 1024)
    func line(_ length: Int) -> [UInt8] {
        Array(good.utf8) + [UInt8](repeating: 0x20, count: length - good.utf8.count)
    }
    for end in [[0x0a], [0x0d, 0x0a], [0x0d], []] as [[UInt8]] {
        for pieces in [[line(1024) + end], line(1024).map { [$0] } + end.map { [$0] }] {
            #expect(try encode(pieces: pieces, options).events.count == 1)
        }
        for pieces in [[line(1025) + end], line(1025).map { [$0] } + end.map { [$0] }] {
            let result = try encode(pieces: pieces, options)
            #expect(result.reasons == [.lineTooLong])
            #expect(result.rejected.first?.isTruncated == true)
            #expect(result.rejected.first?.line == line(1025))
            #expect(result.rejected.first?.detail.contains("1025 bytes") == true)
        }
    }
}

@Test func `an overlong line is skipped over many calls, its beginning kept, and the next line is a row`() throws {
    var encoder = LineEncoder(
        lineOptions(maxLineBytes: 4096, counting: .bytes), watermarkClock: WatermarkClock(notBefore: noon))
    let builder = ChunkBuilder()
    let piece = [UInt8](repeating: UInt8(ascii: "x"), count: 50_000)
    func feed(_ bytes: [UInt8], _ offset: Int) -> LineEncoder.Progress {
        bytes.withUnsafeBytes {
            encoder.encode($0, offset: UInt64(offset), originator: 0, received: noon, into: builder)
        }
    }
    #expect(feed(Array("\n\n".utf8), 0) == LineEncoder.Progress(consumed: 2, lines: 2))
    for round in 0..<2000 {
        let progress = feed(piece, 2 + round * piece.count)
        #expect(progress == LineEncoder.Progress(consumed: piece.count, unfinished: (round + 1) * piece.count))
    }
    #expect(builder.isEmpty)
    let total = 2000 * piece.count
    let rest = Array("yz\r\n\(good)\n{".utf8)
    #expect(feed(rest, 2 + total) == LineEncoder.Progress(consumed: rest.count - 1, lines: 2))
    let chunk = builder.close(ticket: 0, receipt: nil)
    var seen: [UInt64] = []
    try ChunkReader(chunk.bytes, firstSequence: SequenceNumber(1)).forEachRecord { record in
        seen.append(record.offset)
        guard record.kind == RecordLayout.rejectedLine else { return }
        let line = try RejectedLine(record.payload)
        #expect(line.reason == .lineTooLong && line.isTruncated)
        #expect(line.line.count == RecordLayout.keptOfOverlongLine)
        #expect(line.line.allSatisfy { $0 == UInt8(ascii: "x") })
        #expect(line.detail.contains("\(total + 2) bytes"))
    }
    #expect(seen == [2, UInt64(2 + total + 4)])
}

@Test func `an overlong line that never ends is told at the end of the source`() throws {
    let bytes = [UInt8](repeating: 0x20, count: 10_000)
    let result = try encode(pieces: [bytes, bytes], lineOptions(maxLineBytes: 1024, counting: .bytes))
    #expect(result.reasons == [.lineTooLong] && result.lines == 1)
    #expect(result.rejected.first?.line.count == 20_000)
}

@Test func `a full chunk pauses, and the rest follows in the next one`() throws {
    let detail = String(repeating: "d", count: 1000)
    let line = #"{"event":"cast_errors","column_name":"c","error_detail":"\#(detail)"}"# + "\n"
    let count = 3000
    let result = try encode(String(repeating: line, count: count))
    #expect(result.events.map(\.offset) == (1...count).map(UInt64.init))
    let builder = ChunkBuilder()
    var encoder = LineEncoder(lineOptions(), watermarkClock: WatermarkClock(notBefore: noon))
    let progress = Array(String(repeating: line, count: count).utf8).withUnsafeBytes {
        encoder.encode($0, offset: 1, originator: 0, received: noon, into: builder)
    }
    #expect(progress.pause == .chunkFull && progress.lines < count)
    #expect(builder.isFull && builder.recordBytes < RecordLayout.fullChunk + 2000)
    #expect(progress.consumed == progress.lines * line.utf8.count)
}
