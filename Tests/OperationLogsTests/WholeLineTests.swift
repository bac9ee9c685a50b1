import Testing

@testable import OperationLogs

/// What becomes of a line that stands alone, as a datagram brings it.
private func encode(
    whole text: String, cutAt kept: Int? = nil, maxLineBytes: Int = 1024
) throws -> EncodedLines {
    var encoder = LineEncoder(lineOptions(maxLineBytes: maxLineBytes), watermarkClock: WatermarkClock(notBefore: noon))
    let builder = ChunkBuilder()
    let bytes = Array(text.utf8)
    let line = bytes.prefix(kept ?? bytes.count) + [0x0a]
    let isTaken = Array(line).withUnsafeBytes {
        encoder.encode(
            wholeLine: $0, sentBytes: bytes.count, offset: 7, originator: 0, received: noon, into: builder)
    }
    #expect(isTaken)
    var found = EncodedLines()
    found.rejections = encoder.takeRejections()
    if !builder.isEmpty { try found.read(builder.close(ticket: 0, receipt: nil)) }
    return found
}

@Suite struct WholeLineTests {
    private static let good = #"{"event":"cast_errors","column_name":"price"}"#

    @Test(arguments: [good, good + "\r", " \(good) "])
    func `an object is an event`(_ text: String) throws {
        let found = try encode(whole: text)
        #expect(found.events.map(\.kind) == [.castErrors] && found.events.map(\.offset) == [7])
        #expect(found.rejected.isEmpty)
    }

    @Test(arguments: ["", " ", "\t\r", "  \r"])
    func `white space only is nothing`(_ text: String) throws {
        let found = try encode(whole: text)
        #expect(found == EncodedLines())
    }

    /// It has come whole: what is broken in it is no incomplete line.
    @Test(
        arguments: [
            (#"{"event":"cast_errors""#, .invalidJSON), (good + "\n" + good, .invalidJSON), ("\n" + good, .invalidJSON),
            (#"{"event":"cast_errors","column_name":"a"# + "\n" + #"b"}"#, .invalidJSON), ("[]", .notAnObject),
            (#"{"opslogd":{"ack":true}}"#, .missingEvent),
        ] as [(String, RejectionReason)])
    func `what is no event has its reason`(_ text: String, _ reason: RejectionReason) throws {
        let found = try encode(whole: text)
        #expect(found.reasons == [reason] && found.events.isEmpty)
        #expect(found.rejected.first?.line == Array((text).utf8))
        #expect(found.rejected.first?.isTruncated == false)
    }

    @Test func `one that is longer than allowed is too long, whether it was cut off or not`() throws {
        let exact = #"{"event":"cast_errors","column_name":""# + String(repeating: "x", count: 1024 - 40) + #""}"#
        #expect(exact.utf8.count == 1024)
        #expect(try encode(whole: exact).events.count == 1)
        #expect(try encode(whole: exact + "\r").events.count == 1)
        for (kept, length) in [(nil, 1025), (1026, 5000)] as [(Int?, Int)] {
            let text = String(repeating: "y", count: length)
            let found = try encode(whole: text, cutAt: kept)
            #expect(found.reasons == [.lineTooLong])
            let rejected = try #require(found.rejected.first)
            #expect(rejected.isTruncated && rejected.line.count == kept ?? length && rejected.offset == 7)
            #expect(rejected.detail == "the line has \(length) bytes, more than the 1024 that max_line_bytes allows")
        }
    }

    @Test func `a line is judged alone as among others`() throws {
        for (text, reason, _) in rejectedSamples where !text.utf8.contains(0x0a) {
            let alone = try encode(whole: text, maxLineBytes: 1 << 20)
            let framed = try encode(pieces: [Array((text + "\n").utf8)])
            #expect(alone.reasons == [reason])
            #expect(alone.rejected.map(\.detail) == framed.rejected.map(\.detail))
            #expect(alone.rejections.map(\.column) == framed.rejections.map(\.column))
        }
    }

    @Test func `a full chunk takes nothing`() throws {
        var encoder = LineEncoder(lineOptions(), watermarkClock: WatermarkClock(notBefore: noon))
        let builder = ChunkBuilder()
        let line = Array((Self.good + "\n").utf8)
        var taken = 0
        while line.withUnsafeBytes({
            encoder.encode(
                wholeLine: $0, sentBytes: $0.count - 1, offset: 1, originator: 0, received: noon, into: builder)
        }) { taken += 1 }
        #expect(builder.isFull)
        #expect(builder.close(ticket: 0, receipt: nil).recordCount == taken)
    }
}
