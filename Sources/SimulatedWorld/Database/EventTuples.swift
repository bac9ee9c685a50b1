import OperationLogs

/// Builds the payloads of event records by hand, as the record format describes them.
package enum EventTuples {
    /// An event of a kind other than watermarks, with `text` in its first text column that is required, or its first.
    package static func event(_ kind: EventKind, _ text: String, padding: Int = 0) -> [UInt8] {
        var filled = false
        return tuple(
            kind.columns.enumerated().map { index, column in
                switch column.form {
                case .text, .literal:
                    if filled { return column.isRequired ? Array("x".utf8) : nil }
                    filled = true
                    return Array(text.utf8) + [UInt8](repeating: 0x2e, count: padding)
                case .timestamp: return index == kind.columns.count - 1 || column.isRequired ? bigEndian(Int64(7)) : nil
                case .integer, .json: return nil
                }
            })
    }

    package static func watermark(_ pipeline: String, lastProcessed: Int64?, status: String?, updatedAt: Int64)
        -> [UInt8]
    {
        tuple([Array(pipeline.utf8), lastProcessed.map(bigEndian), status.map { Array($0.utf8) }, bigEndian(updatedAt)])
    }

    package static func tuple(_ fields: [[UInt8]?]) -> [UInt8] {
        var bytes = bigEndian(Int16(fields.count))
        for field in fields {
            bytes += bigEndian(Int32(field?.count ?? -1))
            bytes += field ?? []
        }
        return bytes
    }

    /// The fields of one tuple; nil is NULL.
    package static func fields(_ tuple: UnsafeRawBufferPointer) -> [[UInt8]?] {
        var found: [[UInt8]?] = []
        var at = 2
        while at < tuple.count {
            let length = Int(tuple.bigEndian(at, as: Int32.self))
            at += 4
            found.append(length < 0 ? nil : Array(tuple[at..<at + length]))
            at += max(0, length)
        }
        return found
    }

    /// Tuples that stand one behind the other.
    package static func split(_ tuples: UnsafeRawBufferPointer) -> [[UInt8]] {
        var found: [[UInt8]] = []
        var at = 0
        while at < tuples.count {
            let start = at
            let columns = Int(tuples.bigEndian(at, as: Int16.self))
            at += 2
            for _ in 0..<columns { at += 4 + max(0, Int(tuples.bigEndian(at, as: Int32.self))) }
            found.append(Array(tuples[start..<at]))
        }
        return found
    }

    /// Of eight bytes, big-endian.
    package static func integer(_ field: [UInt8]) -> Int64 {
        Int64(bitPattern: field.reduce(0) { $0 << 8 | UInt64($1) })
    }

    package static func bigEndian<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian, Array.init)
    }

    package static func littleEndian<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian, Array.init)
    }
}
