import OperationLogs
import Testing

@testable import Intake

/// Which lines that had been read again are lost once more, where only their progress stands around the place.
@Suite struct RereadingProgressTests {
    private let reader = FilePositionReader(inputs: ["f"])
    /// What was to be read again.
    private let bytes = SourceRange(
        input: "f", path: "/log/a.log", from: 100, upTo: 900, isExact: true, key: [7], identity: [8])

    private func gap(
        before: RereadingProgress?, after: RereadingProgress?, firstLines: [(path: String, offset: UInt64)] = []
    ) -> PositionGap {
        PositionGap(
            key: RereadingProgress.key(Rereading(range: 3, source: 2, bytes: bytes)), before: before?.encoded,
            after: after?.encoded,
            firstLines: firstLines.map { (RecordOriginator(kind: .file, input: "f", path: $0.path), $0.offset) })
    }

    @Test func `a key of progress names the range and the source, and no other key does`() throws {
        let order = try #require(reader.rereading(of: gap(before: nil, after: nil).key))
        #expect(order.range == 3 && order.source == 2)
        for key in [
            [], [0], FilePositionKey.mark(input: "f"), Array("f".utf8) + [0] + [UInt8](repeating: 1, count: 16),
        ] {
            #expect(reader.rereading(of: key) == nil)
        }
    }

    @Test func `the lines between what was known before and the first that is known behind are lost`() {
        let end = RereadingProgress(offset: 900, isDone: true)
        let whole = reader.range(
            of: gap(before: nil, after: end, firstLines: [("/log/a.log", 700)]), rereading: bytes)
        #expect(whole?.from == 100 && whole?.upTo == 700 && whole?.isExact == true)
        #expect(whole?.key == bytes.key && whole?.identity == bytes.identity)
        let rest = reader.range(
            of: gap(
                before: RereadingProgress(offset: 400, isDone: false), after: end, firstLines: [("/log/a.log", 700)]),
            rereading: bytes)
        #expect(rest?.from == 400 && rest?.upTo == 700 && rest?.isExact == true)
    }

    @Test func `where nothing tells which line follows, all that may be lost are, and none is read again by itself`() {
        let end = RereadingProgress(offset: 900, isDone: true)
        let possible: [[(path: String, offset: UInt64)]] = [
            [], [("/log/b.log", 700)], [("/log/a.log", 950)], [("/log/a.log", 300), ("/log/a.log", 700)],
        ]
        for lines in possible {
            let found = reader.range(of: gap(before: nil, after: end, firstLines: lines), rereading: bytes)
            #expect(found?.from == 100 && found?.upTo == 900 && found?.isExact == false, "\(lines)")
        }
    }

    @Test func `where nothing was read again in between, or it is not known how far, nothing is lost there`() {
        let known = RereadingProgress(offset: 900, isDone: true)
        #expect(reader.range(of: gap(before: known, after: known), rereading: bytes) == nil)
        #expect(reader.range(of: gap(before: known, after: nil), rereading: bytes) == nil)
        #expect(
            reader.range(of: gap(before: nil, after: known, firstLines: [("/log/a.log", 100)]), rereading: bytes) == nil
        )
    }
}
