/// Some of the eight kinds of event, as bits: what a peer may send. Costs no allocation, and a test of one bit.
public struct EventKindSet: Sendable, Hashable, ExpressibleByArrayLiteral {
    /// The bit of a kind is its number.
    private var bits: UInt16 = 0

    public init() {}

    public init(_ kinds: some Sequence<EventKind>) {
        for kind in kinds { insert(kind) }
    }

    public init(arrayLiteral kinds: EventKind...) { self.init(kinds) }

    public static let all = EventKindSet(EventKind.allCases)

    public var isEmpty: Bool { bits == 0 }

    public func contains(_ kind: EventKind) -> Bool { bits & Self.bit(kind) != 0 }

    /// The same by the kind's number: asked for each line.
    @inline(__always)
    func contains(number: Int) -> Bool { bits &>> UInt16(truncatingIfNeeded: number) & 1 != 0 }

    public mutating func insert(_ kind: EventKind) { bits |= Self.bit(kind) }

    public mutating func formUnion(_ other: EventKindSet) { bits |= other.bits }

    private static func bit(_ kind: EventKind) -> UInt16 { 1 &<< UInt16(kind.rawValue) }
}
