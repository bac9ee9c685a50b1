import Delivery
import OperationLogs

/// Spooled tuples written anew, piece by piece, for a table whose columns are of other types than the seed schema's.
struct AdaptedTuples {
    private let tuples: UnsafeRawBufferPointer
    private let encodings: [FieldEncoding]
    private var at = 0
    private var piece: [UInt8] = []

    init(_ tuples: UnsafeRawBufferPointer, _ encodings: [FieldEncoding]) {
        self.tuples = tuples
        self.encodings = encodings
    }

    /// The next tuples, about as many bytes as said; nil behind the last.
    mutating func next(ofBytes wanted: Int) throws(DatabaseFailure) -> [UInt8]? {
        guard at < tuples.count else { return nil }
        piece.removeAll(keepingCapacity: true)
        while at < tuples.count, piece.count < wanted { try addTuple() }
        return piece
    }

    private mutating func addTuple() throws(DatabaseFailure) {
        guard Int(try take(2).bigEndian(0, as: Int16.self)) == encodings.count else { throw Self.malformed }
        piece += Int16(encodings.count).bigEndianBytes
        for encoding in encodings {
            let length = Int(try take(4).bigEndian(0, as: Int32.self))
            guard length >= 0 else {
                piece += Int32(-1).bigEndianBytes
                continue
            }
            let field = try take(length)
            switch encoding {
            case .asSpooled: add(field)
            case .wide: add(Int64(try Self.integer(field)).bigEndianBytes)
            case .numeric: add(Self.numeric(try Self.integer(field)))
            case .jsonText:
                guard field.first == 1 else { throw Self.malformed }
                add(UnsafeRawBufferPointer(rebasing: field[1...]))
            }
        }
    }

    private mutating func add(_ field: some Collection<UInt8>) {
        piece += Int32(field.count).bigEndianBytes
        piece += field
    }

    private mutating func take(_ count: Int) throws(DatabaseFailure) -> UnsafeRawBufferPointer {
        guard count <= tuples.count - at else { throw Self.malformed }
        defer { at += count }
        return tuples.part(at, count)
    }

    private static func integer(_ field: UnsafeRawBufferPointer) throws(DatabaseFailure) -> Int32 {
        guard field.count == 4 else { throw malformed }
        return field.bigEndian(0)
    }

    /// As `numeric_recv` reads it: number of digits to the base 10,000, weight of the first, sign, scale, digits.
    static func numeric(_ value: Int32) -> [UInt8] {
        var rest = value.magnitude
        var digits: [Int16] = []
        while rest > 0 {
            digits.insert(Int16(rest % 10_000), at: 0)
            rest /= 10_000
        }
        let sign: Int16 = value < 0 ? 0x4000 : 0
        let head = [Int16(digits.count), Int16(max(0, digits.count - 1)), sign, 0]
        return (head + digits).flatMap(\.bigEndianBytes)
    }

    /// No table's fault and no row's: the lane waits.
    private static let malformed = DatabaseFailure.server(
        ServerError(sqlstate: "XX000", message: "a spooled record is no tuple of its table's columns"))
}
