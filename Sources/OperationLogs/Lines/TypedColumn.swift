/// The value of one column, checked and ready to be written into a record.
struct TypedColumn {
    enum Form: UInt8 {
        case null
        /// The bytes at `start` as they are.
        case text
        /// The bytes at `start` are a string's body with escapes.
        case escapedText
        /// `number` in microseconds since 2000.
        case timestamp
        case integer
        case json
    }

    var form: Form
    var count: Int32
    var start: UnsafePointer<UInt8>
    var number: Int64

    /// More than any kind has columns.
    static let limit = 8
    /// The most that a column takes beside its text: the length, and the number or the version of jsonb.
    static let overhead = 12

    /// Writes the column as a field of PostgreSQL's binary COPY; there is room for `count` and `overhead`.
    ///
    /// - Returns: behind the field.
    @inline(__always)
    func write(to target: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        switch form {
        case .null:
            target.storeBigEndian(Int32(-1), 0)
            return target + 4
        case .text:
            target.storeBigEndian(count, 0)
            (target + 4).copyMemory(from: start, byteCount: Int(count))
            return target + 4 + Int(count)
        case .escapedText:
            let room = (target + 4).assumingMemoryBound(to: UInt8.self)
            let written = JSONText.unescape(start, Int(count), to: room)
            target.storeBigEndian(Int32(truncatingIfNeeded: written), 0)
            return target + 4 + written
        case .timestamp:
            target.storeBigEndian(Int32(8), 0)
            target.storeBigEndian(number, 4)
            return target + 12
        case .integer:
            target.storeBigEndian(Int32(4), 0)
            target.storeBigEndian(Int32(truncatingIfNeeded: number), 4)
            return target + 8
        case .json:
            target.storeBigEndian(count &+ 1, 0)
            target.storeBytes(of: 1, toByteOffset: 4, as: UInt8.self)
            (target + 5).copyMemory(from: start, byteCount: Int(count))
            return target + 5 + Int(count)
        }
    }
}
