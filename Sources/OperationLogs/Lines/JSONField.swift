/// A key of the line's own object with its value, in place: nothing is copied or unescaped yet.
struct JSONField {
    enum Form: UInt8 {
        case string, number, boolean, null, object, array

        /// As a sentence names it.
        var description: String {
            switch self {
            case .string: "a string"
            case .number: "a number"
            case .boolean: "a boolean"
            case .null: "null"
            case .object: "an object"
            case .array: "an array"
            }
        }
    }

    /// The key, without its quotes.
    var key: UnsafePointer<UInt8>
    /// The value; of a string, without its quotes.
    var value: UnsafePointer<UInt8>
    var keyLength: Int32
    var valueLength: Int32
    var form: Form
    var keyIsEscaped: Bool
    var valueIsEscaped: Bool
    /// Whether the value is or holds a number that `jsonb` cannot hold.
    var exceedsNumeric: Bool

    /// Where the value begins in the line, its quote included.
    var valueStart: UnsafePointer<UInt8> { form == .string ? value - 1 : value }
}
