import OperationLogs

/// A parameter of a statement in PostgreSQL's binary format, with its type named: nothing depends on what the server
/// would make of a text (DateStyle, TimeZone, quoting).
struct BinaryParameter {
    /// Types by their numbers in `pg_type`, which never change.
    enum Kind: UInt32 {
        case int8 = 20
        case int2 = 21
        case text = 25
        case timestamptz = 1184
        case uuid = 2950
        case int2Array = 1005
        case int8Array = 1016
        case textArray = 1009
        case timestamptzArray = 1185
        case uuidArray = 2951
    }

    let kind: Kind
    let bytes: [UInt8]

    static func uuid(_ id: UniqueID) -> BinaryParameter { BinaryParameter(kind: .uuid, bytes: id.bytes) }
    static func text(_ text: String) -> BinaryParameter { BinaryParameter(kind: .text, bytes: Array(text.utf8)) }

    static func int2s(_ values: [Int16]) -> BinaryParameter {
        array(.int2Array, of: .int2, values.map { $0.bigEndianBytes })
    }
    static func int8s(_ values: [Int64]) -> BinaryParameter {
        array(.int8Array, of: .int8, values.map { $0.bigEndianBytes })
    }
    static func uuids(_ values: [UniqueID]) -> BinaryParameter { array(.uuidArray, of: .uuid, values.map { $0.bytes }) }
    static func timestamps(_ values: [Timestamp?]) -> BinaryParameter {
        array(.timestamptzArray, of: .timestamptz, values.map { $0?.microseconds.bigEndianBytes })
    }
    /// UTF-8.
    static func texts(_ values: [[UInt8]?]) -> BinaryParameter { array(.textArray, of: .text, values) }

    /// An array as `array_recv` reads it: dimensions, whether there are NULLs, element type, then size, lower bound and
    /// the elements, each behind its length.
    private static func array(_ kind: Kind, of element: Kind, _ values: [[UInt8]?]) -> BinaryParameter {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(values.reduce(20) { $0 + 4 + ($1?.count ?? 0) })
        bytes += Int32(values.isEmpty ? 0 : 1).bigEndianBytes
        bytes += Int32(values.contains { $0 == nil } ? 1 : 0).bigEndianBytes
        bytes += element.rawValue.bigEndianBytes
        if !values.isEmpty {
            bytes += Int32(values.count).bigEndianBytes
            bytes += Int32(1).bigEndianBytes
        }
        for value in values {
            bytes += Int32(value?.count ?? -1).bigEndianBytes
            if let value { bytes += value }
        }
        return BinaryParameter(kind: kind, bytes: bytes)
    }
}

extension FixedWidthInteger {
    var bigEndianBytes: [UInt8] { withUnsafeBytes(of: bigEndian) { Array($0) } }
}

extension UniqueID {
    var bytes: [UInt8] { high.bigEndianBytes + low.bigEndianBytes }
}
