/// The number of a record in its spool, from 1 without gaps. 0 stands before the first record.
public struct SequenceNumber: RawRepresentable, Sendable, Hashable, Comparable, CustomStringConvertible {
    public var rawValue: UInt64

    @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
    @inlinable public init(_ rawValue: UInt64) { self.rawValue = rawValue }

    public static let zero = SequenceNumber(0)
    /// The database keeps positions as BIGINT. A number beyond it was never given, whatever its checksum says.
    public static let largest = SequenceNumber(UInt64(Int64.max))

    @inlinable public static func < (left: SequenceNumber, right: SequenceNumber) -> Bool {
        left.rawValue < right.rawValue
    }
    @inlinable public func advanced(by count: Int) -> SequenceNumber { SequenceNumber(rawValue &+ UInt64(count)) }

    /// Twenty digits with leading zeros, so that names and ids sort as numbers do.
    public var description: String {
        let digits = String(rawValue)
        return String(repeating: "0", count: 20 - digits.utf8.count) + digits
    }
}
