import OperationLogs
import Synchronization

/// A line that can be known again wherever it ends: who wrote it and the how-manieth it is stand in it.
struct SimulatedLine: Hashable {
    let source: Int
    let number: Int

    /// What its column says by which it is known.
    var name: String { "s\(source)-\(number)" }

    /// The source under which notes stand in the accounts: the number is the dead letter's that was sent again.
    static let notes = 98

    /// Every eleventh is no event, every seventeenth one that the database refuses.
    var isInvalid: Bool { number % 11 == 7 && source != Self.notes }
    var isRefused: Bool { !isInvalid && source != Self.notes && kind != .pipelineWatermarks && number % 17 == 5 }
    var kind: EventKind { EventKind.allCases[(number * 5 + source) % EventKind.allCases.count] }

    /// What somebody has made of it when he sends its dead letter again: always the same, so that a line that is sent
    /// twice comes twice.
    var mended: SimulatedLine { SimulatedLine(source: source + 100, number: number + 1) }

    /// The bytes of lines that were written before, in whatever world: they are always the same.
    private static let known = Mutex<[SimulatedLine: [UInt8]]>([:])

    /// With its end.
    var bytes: [UInt8] {
        if let bytes = Self.known.withLock({ $0[self] }) { return bytes }
        let made = Array(text.utf8)
        Self.known.withLock { $0[self] = made }
        return made
    }

    /// No column is left to the time of receipt, so that its row is known before it is read.
    private var text: String {
        // Without its end it is not the beginning of another line: it could be a copy of that, and is held back then.
        if isInvalid { return "not json \(name)!\n" }
        var object = JSONObjectWriter()
        object.add("event", text: isLegacy ? Self.word(of: kind) : kind.name)
        if isLegacy { object.add("host", text: "h1") }
        var isNamed = false
        for (index, column) in kind.columns.enumerated() {
            switch column.form {
            case .text, .literal:
                // A pipeline's name is not the line's own: that stands in the status.
                let first = kind == .pipelineWatermarks ? "p\(source)" : name
                object.add(column.name, text: isNamed ? (kind == .pipelineWatermarks ? name : "x") : first)
                isNamed = true
            case .timestamp:
                let time = Self.time(index == kind.columns.count - 1 ? number : 1)
                if isLegacy {
                    object.add(column.name, raw: "\(time.unixMicroseconds)")
                } else {
                    object.add(column.name, text: time.rfc3339)
                }
            case .integer: object.add(column.name, raw: "\(number)")
            case .json: object.add(column.name, raw: "{\"n\": \(number)}")
            }
        }
        return object.text + "\n"
    }

    /// Numbers wrap around, so that a later watermark may be the older one.
    private static func time(_ number: Int) -> Timestamp {
        Timestamp(microseconds: Int64(number % 50) * 1_000_000)
    }

    // MARK: Lines of a job that cannot be changed

    /// Every other job has words of its own for events, numbers for times, and a key that is no column.
    private var isLegacy: Bool { source % 2 == 1 && SimulatedSources.jobs.contains(source) }

    private static func word(of kind: EventKind) -> String { "event \(kind.rawValue)" }

    /// What an input has to know to read these lines and the others.
    static let dialect: LineDialect = {
        var mapping = LineMapping()
        for kind in EventKind.allCases { mapping.eventWords[word(of: kind)] = kind }
        mapping.unknownFields = .ignore
        mapping.epoch = .microseconds
        return LineDialect(mapping)
    }()

    /// Which line a spooled record is of; nil if it is of none.
    init?(kind: UInt8, _ payload: UnsafeRawBufferPointer) {
        let text: Substring
        if kind == RecordLayout.rejectedLine {
            guard let rejected = try? RejectedLine(payload) else { return nil }
            text = String(decoding: rejected.line, as: UTF8.self).split(separator: " ").last?.prefix { $0 != "!" } ?? ""
        } else {
            guard let kind = EventKind(rawValue: kind) else { return nil }
            let fields = EventTuples.fields(payload)
            let index = kind == .pipelineWatermarks ? 2 : kind.columns.firstIndex { $0.form == .text } ?? 0
            guard index < fields.count, let field = fields[index] else { return nil }
            text = Substring(String(decoding: field, as: UTF8.self))
        }
        let parts = text.dropFirst().split(separator: "-")
        guard text.first == "s", parts.count == 2, let source = Int(parts[0]), let number = Int(parts[1]) else {
            return nil
        }
        self.init(source: source, number: number)
    }

    init(source: Int, number: Int) {
        self.source = source
        self.number = number
    }
}
