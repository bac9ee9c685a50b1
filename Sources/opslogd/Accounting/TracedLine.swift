import Intake
import OperationLogs
import Spool

/// Where a line is, as far as anybody can tell.
struct TracedLine {
    enum State: String {
        case notRead = "not_read"
        case inSpool = "in_spool"
        case delivered
        case deadLetter = "dead_letter"
        /// A dead letter that is over.
        case ended = "dead_letter_over"
        case passedOver = "passed_over"
        case notInDatabase = "not_in_database"
        case unaccounted
        case lost
        /// It was read, and nothing of it is kept any more.
        case forgotten = "no_longer_known"
        case note = "retry_note"
        /// It never was.
        case unknown
    }

    var state: State
    /// What it means, and what to do, in a sentence.
    var sentence: String
    var sequence: SequenceNumber?
    var received: Timestamp?
    var input: String?
    var path: String?
    var offset: UInt64?
    var table: String?
    /// Of the lane, by which it counts as delivered or not.
    var lanePosition: SequenceNumber?
    var reason: String?
    var detail: String?
    /// Of a dead letter that is over: its end as the store has it.
    var end: String?
}

extension TracedLine {
    var json: String {
        var object = JSONObjectWriter()
        object.add("state", text: state.rawValue)
        object.add("sequence", raw: sequence.map { "\($0.rawValue)" } ?? "null")
        object.add("received", text: received?.rfc3339)
        object.add("input", text: input)
        object.add("path", text: path)
        object.add("offset", raw: offset.map { "\($0)" } ?? "null")
        object.add("table", text: table)
        object.add("lane_position", raw: lanePosition.map { "\($0.rawValue)" } ?? "null")
        object.add("reason", text: reason)
        object.add("detail", text: detail)
        object.add("end", raw: end ?? "null")
        object.add("sentence", text: sentence)
        return object.text
    }

    func print(_ style: Style = .output) {
        let isBad = state == .unaccounted || state == .lost || state == .notInDatabase
        StandardOutput.line(isBad ? style.red(Printable.text(sentence)) : Printable.text(sentence))
        let rows: [(String, String?)] = [
            ("record", sequence.map { "\($0.rawValue)" }), ("received", received?.rfc3339), ("input", input),
            ("file", path.map { path in offset.map { "\(path), at byte \($0)" } ?? path }),
            ("line", path == nil ? offset.map { "number \($0) of its connection" } : nil),
            ("table", table), ("lane at", lanePosition.map { "record \($0.rawValue)" }), ("reason", reason),
            ("detail", detail), ("end", end),
        ]
        for (name, value) in rows {
            guard let value else { continue }
            StandardOutput.line(
                "  " + style.bold(name) + String(repeating: " ", count: 10 - name.count) + Printable.text(value))
        }
    }
}
