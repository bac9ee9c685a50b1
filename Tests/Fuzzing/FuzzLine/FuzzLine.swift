import Fuzzer
import OperationLogs

/// Any bytes become events and rejections that read back, and an event written again becomes the same event.
///
/// Input: a byte of options, the lines.
@main enum FuzzLine {
    static func main() {
        fuzz { data, size in
            FuzzLine.test(ByteFeed(data, size))
            return 0
        }
    }

    private static func test(_ input: ByteFeed) {
        var feed = input
        let flags = feed.byte()
        let options = LineEncoder.Options(
            maxLineBytes: flags & 1 == 0 ? 1 << 20 : 1024, maxFutureMicroseconds: 86_400_000_000,
            counting: flags & 2 == 0 ? .lines : .bytes, takesControlLines: flags & 4 != 0, reportsRejections: true,
            dialect: flags & 8 == 0 ? .documented : legacy)
        let run = LineRun([feed.rest], options)
        let breaks = feed.rest.count { $0 == 0x0a }
        let hasLast = feed.rest.last.map { $0 != 0x0a } ?? false
        require(
            (breaks...breaks + (hasLast ? 1 : 0)).contains(run.lines + run.controls.count),
            "every line is counted once")
        require(run.rejections.count + run.payloads.count == run.recordCount, "a record is an event or a rejection")
        run.forEachEvent(check)
    }

    /// Every key that an input can have for lines that cannot be changed.
    private static let legacy: LineDialect = {
        var mapping = LineMapping()
        mapping.event = .castErrors
        mapping.eventKey = "kind"
        mapping.eventWords = ["UP": .upsertFailures, "a word that is longer than any table's name": .backupLogs]
        mapping.fields = [
            "log_time": "time", "symbol": "sym", "column_name": "the column that could not be cast", "ts": "at",
        ]
        mapping.unknownFields = .ignore
        mapping.timeZone = TimeZoneRules(name: "fuzzed", file: smallestZone)
        mapping.epoch = .milliseconds
        return LineDialect(mapping)
    }()

    private static let wide = LineEncoder.Options(
        maxLineBytes: 16 << 20, maxFutureMicroseconds: 86_400_000_000, counting: .lines, takesControlLines: false,
        reportsRejections: true)

    private static func check(_ tuple: EventTuple) {
        var payload: [UInt8] = [0, UInt8(tuple.kind.columns.count)]
        for (index, column) in tuple.kind.columns.enumerated() {
            let field = tuple.field(index)
            require(field != nil || !column.isRequired, "a required column is there")
            withUnsafeBytes(of: Int32(field?.count ?? -1).bigEndian) { payload += $0 }
            payload += field.map(Array.init) ?? []
            guard let field else { continue }
            switch column.form {
            case .text, .literal:
                require(String(validating: field, as: UTF8.self) != nil, "text is UTF-8")
                require(!field.contains(0), "text holds no NUL")
            case .json:
                require(field[0] == 1, "JSONB has its version")
                require(String(validating: field[1...], as: UTF8.self) != nil, "JSON is UTF-8")
            case .timestamp, .integer: break
            }
        }
        require(tuple.field(tuple.kind.columns.count - 1) != nil, "the time of receipt is filled in")
        let line = tuple.line
        require(!line.contains(0x0a), "an event written again is one line")
        let again = LineRun([line[...], [0x0a]], wide)
        require(
            again.payloads == [payload], "written again it is the same event: \(String(decoding: line, as: UTF8.self))")
    }
}
