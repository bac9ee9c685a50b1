/// Why a line is rejected, and where in it.
struct LineFailure {
    var reason: RejectionReason
    /// If the line got as far as naming one.
    var event: EventKind?
    /// The byte at which it fails, from 1.
    var column: Int
    /// For people: names the key.
    var detail: String
}

/// The sentences of rejections. They name the key and quote at most 120 bytes of what the line holds.
enum RejectionDetail {
    static func tooLong(_ bytes: Int, limit: Int) -> String {
        "the line has \(bytes) bytes, more than the \(limit) that max_line_bytes allows"
    }

    static let incomplete = "the input ended before the line did"

    static func malformed(_ fault: LineScanner.Fault, column: Int) -> String { "byte \(column): \(fault.what)" }

    static func notAnObject(_ form: JSONField.Form) -> String {
        "an event is a JSON object, this is \(form.description)"
    }

    static func duplicate(_ key: [UInt8]) -> String { "\(quoted(key)) stands twice" }

    static func missingEvent(_ key: String) -> String { "the key \(key), which names the table, is missing" }

    static func unknownEvent(_ key: String, _ name: [UInt8]) -> String {
        "\(key): \(quoted(name)) is not a kind of event"
    }

    static func notPermitted(_ key: String, _ kind: EventKind) -> String {
        "\(key): this peer may not send \(kind.name)"
    }

    static func unknownField(_ key: [UInt8], of kind: EventKind, _ mapping: LineMapping) -> String {
        let name = String(decoding: key, as: UTF8.self)
        if name == serialKey(of: kind) { return "\(name) is assigned by the database" }
        if let other = mapping.fields[name], kind.columns.contains(where: { $0.name == name }) {
            return "\(quoted(key)) stands in lines of this input as \(other)"
        }
        return "\(kind.name) has no column \(quoted(key))"
    }

    static func wrongType(
        _ key: String, _ form: JSONField.Form, expected: Column.Form, takesNumbers: Bool = false
    ) -> String {
        let wanted =
            switch expected {
            case .text: "a string"
            case .literal: "a string, number or boolean"
            case .timestamp:
                takesNumbers ? "a number or a string with an RFC 3339 time" : "a string with an RFC 3339 time"
            case .integer: "an integer"
            case .json: "a JSON value"
            }
        return "\(key): \(form.description) where \(wanted) is expected"
    }

    static func notIntegral(_ key: String, _ number: [UInt8]) -> String {
        "\(key): \(quoted(number)) is not an integer"
    }

    static func beyondInteger(_ key: String, _ number: [UInt8]) -> String {
        "\(key): \(quoted(number)) does not fit in 32 bits"
    }

    static func beyondNumeric(_ key: String) -> String { "\(key): holds a number that jsonb cannot hold" }

    static func notATime(_ key: String, _ text: [UInt8], needsOffset: Bool) -> String {
        "\(key): \(quoted(text)) is not an RFC 3339 time" + (needsOffset ? " with an offset" : "")
    }

    static func beyondYears(_ key: String, _ number: [UInt8]) -> String {
        "\(key): \(quoted(number)) is no time of the years 1 to 9999"
    }

    static func inTheFuture(_ key: String, _ time: Timestamp, received: Timestamp) -> String {
        "\(key): \(time.rfc3339) is too far ahead of the time of receipt, \(received.rfc3339)"
    }

    static func missing(_ key: String) -> String { "\(key) is required" }

    /// The key that the database numbers a kind's rows with.
    private static func serialKey(of kind: EventKind) -> String? {
        switch kind {
        case .dataQualityErrors, .castErrors: "error_id"
        case .dedupConflicts, .authorityConflicts: "conflict_id"
        case .upsertFailures: "failure_id"
        case .concurrencyIssues: "issue_id"
        case .pipelineWatermarks: nil
        case .backupLogs: "backup_id"
        }
    }

    /// What a line holds, cut at a character if it is long.
    private static func quoted(_ bytes: [UInt8]) -> String {
        guard bytes.count > 120 else { return bytes.isEmpty ? "\"\"" : String(decoding: bytes, as: UTF8.self) }
        var kept = 117
        while kept > 0, bytes[kept] & 0xc0 == 0x80 { kept -= 1 }
        return String(decoding: bytes[..<kept], as: UTF8.self) + "…"
    }
}
