import Testing

@testable import OperationLogs

private let lines = [
    #"{"event":"data_quality_errors","symbol":"AAPL","ts":"2026-11-20T12:34:56Z","error_type":"a","error_detail":"\u00e9\ud83d\ude00é😀"}"#,
    #"{"event":"dedup_conflicts","symbol":"x","ts":"2026-11-20T12:34:56.123+01:00","existing_row":{"a":[1.5e3,true,null,{"b":"\n"}]},"incoming_row":-0.5}"#,
    #"{"event":"cast_errors","symbol":"V","column_name":"c","raw_value":-12.50E+3,"log_time":"2026-11-20T12:00:00Z"}"#,
    #"{"event":"concurrency_issues","lock_type":"advisory","pid":-2147483648,"details":"d \"q\""}"#,
    #"{"event":"pipeline_watermarks","pipeline_name":"p","last_processed_ts":"2026-11-20T12:34:56Z","status":null}"#,
]

/// What mutations are made of: the bytes of JSON's grammar, of UTF-8's edges, and of our own names.
private let pieces: [[UInt8]] =
    [
        #"""#, "\\", "{", "}", "[", "]", ",", ":", "\\u", "\\ud800", "\\udc00", "\\u0000", "0", "9", "-", "+", ".", "e",
        "E",
    ]
    .map { Array($0.utf8) }
    + ["null", "true", #""event":"#, #","symbol":"x""#, " ", "\t", "\r", "\n", "\u{0}", "1e400000", "é", "\u{10ffff}"]
    .map { Array($0.utf8) } + [[0x80], [0xc2], [0xe0], [0xed], [0xf0], [0xf4], [0xff]]

private func mutated(_ line: [UInt8], _ random: inout SplitMix64) -> [UInt8] {
    var line = line
    for _ in 0..<Int.random(in: 1...2, using: &random) {
        let at = Int.random(in: 0...line.count, using: &random)
        switch Int.random(in: 0..<6, using: &random) {
        case 0: line.insert(contentsOf: pieces[Int.random(in: 0..<pieces.count, using: &random)], at: at)
        case 1: line.removeSubrange(at..<min(line.count, at + Int.random(in: 1...8, using: &random)))
        case 2 where at < line.count: line[at] = UInt8.random(in: .min ... .max, using: &random)
        case 3 where at < line.count: line[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 4: line.insert(contentsOf: line.prefix(at).suffix(Int.random(in: 1...40, using: &random)), at: at)
        default: line.removeSubrange(at...)
        }
    }
    return line
}

@Test(arguments: 0..<8 as Range<UInt64>) func `a mutated line has one outcome, and the next line is right`(
    seed: UInt64
) throws {
    var random = SplitMix64(seed: seed)
    let good = Array(lines[0].utf8)
    let expected = try #require(try encode(pieces: [good + [0x0a]]).events.first).payload
    var taken = 0
    for round in 0..<2500 {
        let line = mutated(Array(lines[round % lines.count].utf8), &random)
        let result = try encode(pieces: [line + [0x0a] + good + [0x0a]])
        let parts = line.split(separator: 0x0a, omittingEmptySubsequences: false)
        let blank = parts.count { $0.allSatisfy { [0x20, 0x09, 0x0d].contains($0) } }
        #expect(result.lines == parts.count + 1, "seed \(seed), round \(round)")
        #expect(result.events.count + result.rejected.count == parts.count + 1 - blank, "seed \(seed), round \(round)")
        #expect(result.events.last?.payload == expected, "seed \(seed), round \(round)")
        #expect(result.events.last?.offset == UInt64(parts.count + 1), "seed \(seed), round \(round)")
        taken += result.events.count - 1
        for event in result.events {
            #expect(try encode(event.line).events.first?.payload == event.payload, "seed \(seed), round \(round)")
        }
        let cut = Int.random(in: 0...line.count, using: &random)
        let split = try encode(pieces: [Array(line[..<cut]), Array(line[cut...]) + [0x0a] + good + [0x0a]])
        #expect(split == result, "seed \(seed), round \(round)")
    }
    #expect(taken > 40, "some mutations leave an event")
}
