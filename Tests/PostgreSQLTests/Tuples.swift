import OperationLogs

@testable import PostgreSQL

/// Rows in binary COPY format, as the spool's records hold them.
struct Tuples {
    enum Value {
        case null
        case text(String)
        case time(Int64)
        case integer(Int32)
        case json(String)

        var field: [UInt8]? {
            switch self {
            case .null: nil
            case .text(let text): Array(text.utf8)
            case .time(let microseconds): microseconds.bigEndianBytes
            case .integer(let number): number.bigEndianBytes
            case .json(let text): [1] + Array(text.utf8)
            }
        }
    }

    private(set) var bytes: [UInt8] = []
    private(set) var rows = 0

    mutating func add(_ values: [Value]) {
        bytes += Int16(values.count).bigEndianBytes
        for value in values {
            let field = value.field
            bytes += Int32(field?.count ?? -1).bigEndianBytes
            bytes += field ?? []
        }
        rows += 1
    }

    static func castErrors(_ count: Int, detail: String = "detail") -> Tuples {
        var tuples = Tuples()
        for row in 0..<count {
            tuples.add([
                .text("S\(row)"), .text("price"), .text("\(row)"), .text("numeric"), .text(detail), .time(Int64(row)),
            ])
        }
        return tuples
    }
}

extension LibpqSession {
    func copy(_ kind: EventKind, _ tuples: Tuples, following: [EventKind] = []) throws {
        try tuples.bytes.withUnsafeBytes { try copy(kind, tuples: $0, rows: tuples.rows, following: following) }
    }

    func commit() throws {
        try sendCommit()
        _ = try awaitCommit()
    }
}
