import Glibc

/// Which entries are taken, and from whom their lines are: decided anew only when another unit or identifier comes.
///
/// Patterns are held against each entry, not expanded when the journal is opened: so units count that appear later. Values
/// that came lately are kept with what was decided, which is a comparison of bytes for most entries.
struct JournalSelection {
    private static let mostKept = 64
    /// Longer names are none of a unit.
    private static let longestUnit = 256

    private struct Known {
        let value: [UInt8]
        let isWanted: Bool
    }

    private let units: [String]
    private let identifiers: [String]
    private let ownUnit: [UInt8]?
    private var knownUnits: [Known] = []
    private var knownIdentifiers: [Known] = []

    init(_ options: JournalInputOptions) {
        units = options.units.map(Self.completed)
        identifiers = options.identifiers
        ownUnit = options.ownUnit.map { Array($0.utf8) }
    }

    private static let suffixes = [
        ".service", ".scope", ".slice", ".socket", ".mount", ".automount", ".swap", ".target", ".path", ".timer",
        ".device",
    ]

    /// As systemctl(1) reads it: a name without a type is a service's.
    static func completed(_ pattern: String) -> String {
        PathPattern.isWild(pattern) || suffixes.contains(where: pattern.hasSuffix) ? pattern : pattern + ".service"
    }

    /// Whether the lines of a unit are wanted; nil stands for what belongs to none.
    mutating func takes(unit: UnsafeRawBufferPointer?) -> Bool {
        guard let unit else { return units.isEmpty }
        if let ownUnit, unit.isSame(as: ownUnit) { return false }
        if units.isEmpty { return true }
        guard unit.count <= Self.longestUnit else { return false }
        return Self.decide(unit, units, &knownUnits)
    }

    mutating func takes(identifier: UnsafeRawBufferPointer?) -> Bool {
        if identifiers.isEmpty { return true }
        guard let identifier, identifier.count <= Self.longestUnit else { return false }
        return Self.decide(identifier, identifiers, &knownIdentifiers)
    }

    /// Whether the identifier has to be asked for.
    var looksAtIdentifiers: Bool { !identifiers.isEmpty }

    private static func decide(_ value: UnsafeRawBufferPointer, _ patterns: [String], _ known: inout [Known]) -> Bool {
        for index in known.indices where value.isSame(as: known[index].value) {
            // What comes often stands in front.
            if index > 0 { known.swapAt(index, index / 2) }
            return known[index / 2].isWanted
        }
        let name = String(decoding: value, as: UTF8.self)
        let isWanted = patterns.contains { PathPattern.matches(name: name, $0) }
        if known.count == mostKept { known.removeLast() }
        known.append(Known(value: Array(value), isWanted: isWanted))
        return isWanted
    }
}

extension UnsafeRawBufferPointer {
    /// Byte for byte.
    func isSame(as other: [UInt8]) -> Bool {
        guard count == other.count, let base = baseAddress else { return count == other.count }
        return other.withUnsafeBytes { bytes in bytes.baseAddress.map { memcmp(base, $0, count) == 0 } ?? true }
    }
}
