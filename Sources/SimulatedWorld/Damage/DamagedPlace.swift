/// What of a spool, or beside it, is damaged.
package enum DamagedPlace: Sendable, Hashable, CaseIterable {
    /// A frame with something durable behind it: it is passed over, and named.
    case frame
    /// A segment's header, or both copies of it: the other one is used, the segment is named as lost, or a start stops.
    case header
    /// A slot of the cursor, or both: the older one counts, or a start stops.
    case cursor
    /// A start stops, or has lost nothing that counts.
    case identity
    /// Letters are lost with the place, or moved again; the others are there.
    case deadLetters
    /// The last group, of which nothing has its fate: a torn or damaged end, or a place that is named.
    case end

    /// Frames are what most of the bytes are.
    static func of(_ seed: UInt64) -> DamagedPlace {
        switch seed % 12 {
        case 0: .cursor
        case 1: .identity
        case 2: .deadLetters
        case 3: .end
        case 4, 5: .header
        default: .frame
        }
    }
}

/// What happens to it.
package enum DamageKind: Sendable, Hashable, CaseIterable {
    /// A bit is another one.
    case bit
    /// A sector reads as zeros.
    case sector
}
