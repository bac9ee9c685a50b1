/// Why a line, or a row, became a dead letter. The raw value stands in spooled records and never changes its meaning.
///
/// A line has one reason, always the same for the same line: the first that applies, in the order of the four groups.
public enum RejectionReason: UInt8, CaseIterable, Sendable {
    // 1. The line as such.
    case lineTooLong = 1
    case incompleteLine = 2

    // 2. Whichever is met first in the line.
    case invalidUTF8 = 3
    case invalidJSON = 4
    case tooDeep = 5
    case unsupportedCharacter = 6

    // 3. The object and its event, in this order.
    case notAnObject = 7
    case duplicateField = 8
    case missingEvent = 9
    /// Also in group 4: the value of a column.
    case wrongType = 10
    case unknownEvent = 11
    case notPermitted = 12

    // 4. Of the keys in the order of the line; `missingField` last.
    case unknownField = 13
    case outOfRange = 14
    case invalidTimestamp = 15
    case missingField = 16

    /// Not a line's: the database refused the row.
    case rejectedByDatabase = 17

    /// The word in dead letters, answers and metrics.
    public var name: String {
        switch self {
        case .lineTooLong: "line_too_long"
        case .incompleteLine: "incomplete_line"
        case .invalidUTF8: "invalid_utf8"
        case .invalidJSON: "invalid_json"
        case .tooDeep: "too_deep"
        case .unsupportedCharacter: "unsupported_character"
        case .notAnObject: "not_an_object"
        case .duplicateField: "duplicate_field"
        case .missingEvent: "missing_event"
        case .wrongType: "wrong_type"
        case .unknownEvent: "unknown_event"
        case .notPermitted: "not_permitted"
        case .unknownField: "unknown_field"
        case .outOfRange: "out_of_range"
        case .invalidTimestamp: "invalid_timestamp"
        case .missingField: "missing_field"
        case .rejectedByDatabase: "rejected_by_database"
        }
    }

    public init?(name: String) {
        guard let reason = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = reason
    }
}
