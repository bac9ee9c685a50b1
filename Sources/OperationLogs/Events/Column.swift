/// A column of an event's table, as far as a line can fill it.
public struct Column: Sendable, Hashable {
    public enum Form: Sendable, Hashable {
        /// TEXT from a JSON string.
        case text
        /// TEXT from a JSON string, or from a number or boolean exactly as it was written.
        case literal
        /// TIMESTAMPTZ from an RFC 3339 string.
        case timestamp
        /// INTEGER from a JSON number whose value is integral.
        case integer
        /// JSONB from any JSON value.
        case json
    }

    public let name: String
    public let form: Form
    /// Whether a line without it (or with null) is rejected as `missing_field`.
    public let isRequired: Bool

    static func text(_ name: String, required: Bool = false) -> Column {
        Column(name: name, form: .text, isRequired: required)
    }
    static func literal(_ name: String) -> Column { Column(name: name, form: .literal, isRequired: false) }
    static func timestamp(_ name: String, required: Bool = false) -> Column {
        Column(name: name, form: .timestamp, isRequired: required)
    }
    static func integer(_ name: String) -> Column { Column(name: name, form: .integer, isRequired: false) }
    static func json(_ name: String) -> Column { Column(name: name, form: .json, isRequired: false) }
}
