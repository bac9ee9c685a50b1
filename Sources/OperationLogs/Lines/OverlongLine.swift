/// A line that has passed the limit before its end came: its beginning is kept, the rest only counted.
struct OverlongLine {
    /// Where it began: the offset of its record.
    let offset: UInt64
    /// Bytes met so far.
    private(set) var total = 0
    private var head: [UInt8] = []

    init(offset: UInt64) { self.offset = offset }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        total += bytes.count
        head.append(contentsOf: bytes.prefix(RecordLayout.keptOfOverlongLine - head.count))
        endsInCarriageReturn = bytes.last.map { $0 == 0x0d } ?? endsInCarriageReturn
    }

    /// Counts bytes that nobody has seen.
    mutating func skip(_ count: Int) {
        total += count
        endsInCarriageReturn = false
    }

    private var endsInCarriageReturn = false

    /// Bytes without a carriage return before the line's end.
    var length: Int { endsInCarriageReturn ? total - 1 : total }

    /// What is kept of it.
    var kept: ArraySlice<UInt8> { head.prefix(length) }
}
