import OperationLogs

/// How the value of a spooled record is sent to a column: by what the receive function of the column's type reads.
///
/// COPY in binary format hands each field to that function as it is. So the type's name says nothing, and a domain, an
/// enumeration or an extension's type (`citext`) takes what the function under it takes.
enum FieldEncoding: Sendable, Hashable {
    /// The bytes of the record.
    case asSpooled
    /// An `int4` as an `int8`.
    case wide
    /// An `int4` as a `numeric`.
    case numeric
    /// A `jsonb` as the text that stands behind its version.
    case jsonText

    /// By the names of receive functions, what each reads of a field of this form.
    static func readers(of form: Column.Form) -> [String: FieldEncoding] {
        switch form {
        case .text, .literal:
            [
                "textrecv": .asSpooled, "varcharrecv": .asSpooled, "bpcharrecv": .asSpooled, "enum_recv": .asSpooled,
                "bytearecv": .asSpooled,
            ]
        // Both count microseconds since 2000; one of them in UTC by definition, the other by ours.
        case .timestamp: ["timestamptz_recv": .asSpooled, "timestamp_recv": .asSpooled]
        case .integer: ["int4recv": .asSpooled, "int8recv": .wide, "numeric_recv": .numeric]
        case .json: ["jsonb_recv": .asSpooled, "json_recv": .jsonText, "textrecv": .jsonText]
        }
    }

    /// Watermarks come as parameters of a statement, which assigns them to the columns: what has a cast on assignment.
    static func assigned(_ column: Column) -> [String: FieldEncoding] {
        switch column.form {
        case .timestamp: readers(of: .timestamp)
        default: ["textrecv": .asSpooled, "varcharrecv": .asSpooled]
        }
    }
}
