import LinuxSystem
import OperationLogs
import Spool
import Synchronization

/// What happens to a place of a file.
package enum DamageKind: Sendable, Hashable, CaseIterable {
    /// A bit is another one.
    case bit
    /// A sector reads as zeros.
    case sector
}

/// Bits that flip and sectors that are lost under the spool, with an account of the records that stood there.
///
/// Only where something durable stands behind: damage at the very end of a spool looks like a torn end, and is cut as one.
final class DiskDamage {
    private struct Wound {
        let node: Int
        let offset: Int
        let former: [UInt8]
        let damaged: [UInt8]
    }

    private let disk: DiskState
    private var wounds: [Wound] = []
    /// Of records whose place was damaged at any time.
    private(set) var sequences: Set<UInt64> = []

    init(_ disk: DiskState) { self.disk = disk }

    /// Damages one place, if there is one.
    ///
    /// - Parameter durable: the last record that is.
    /// - Returns: what was damaged, in words.
    func strike(_ kind: DamageKind, durable: SequenceNumber, seed: UInt64) throws -> String? {
        var random = SplitMix64(seed: seed)
        let frames = try disk.unfailing { try SpoolInspector(SimulatedDisk(disk).directory("spool")).framePlaces() }
        guard let last = frames.last(where: { $0.holdsRecords && $0.first <= durable }) else { return nil }
        // Groups are what most of the bytes are; heads and ends of segments have their turn all the same.
        let wanted = Int.random(in: 0..<4, using: &random) > 0
        let candidates = frames.filter { $0.holdsRecords == wanted && $0.next <= last.first }
        guard let frame = candidates.randomElement(using: &random) else { return nil }
        let at = Int(UInt64.random(in: frame.offset..<frame.end, using: &random))
        let sector = at / DiskState.sector
        let range = kind == .bit ? at..<at + 1 : sector * DiskState.sector..<(sector + 1) * DiskState.sector
        let bit = UInt8(1) << UInt8.random(in: 0..<8, using: &random)
        let struck = frames.filter {
            $0.segment == frame.segment && $0.offset < UInt64(range.upperBound) && UInt64(range.lowerBound) < $0.end
        }
        guard struck.allSatisfy({ $0.next <= last.first }), range.lowerBound >= 4096 else { return nil }
        let wound: Wound? = disk.contents.withLock { contents in
            guard let node = contents.directories["segments"]?.entries[frame.segment],
                let bytes = contents.nodes[node]?.bytes, range.upperBound <= bytes.count,
                // What is not synced yet would come back from elsewhere.
                contents.nodes[node]?.before[sector] == nil, contents.nodes[node]?.givenUp[sector] == nil
            else { return nil }
            let former = Array(bytes[range])
            let damaged = kind == .bit ? former.map { $0 ^ bit } : [UInt8](repeating: 0, count: former.count)
            contents.nodes[node]?.bytes.replaceSubrange(range, with: damaged)
            return Wound(node: node, offset: range.lowerBound, former: former, damaged: damaged)
        }
        guard let wound else { return nil }
        wounds.append(wound)
        for frame in struck { sequences.formUnion(frame.first.rawValue..<frame.next.rawValue) }
        return "\(frame.segment): \(range) of the frame at \(frame.offset)"
    }

    /// What is done when a daemon does not start for damage: the files are restored from a copy.
    ///
    /// - Returns: whether anything was.
    func heal() -> Bool {
        disk.contents.withLock { contents in
            var hasHealed = false
            for wound in wounds.reversed() {
                let range = wound.offset..<wound.offset + wound.former.count
                guard let bytes = contents.nodes[wound.node]?.bytes, range.upperBound <= bytes.count,
                    bytes[range].elementsEqual(wound.damaged)
                else { continue }
                contents.nodes[wound.node]?.bytes.replaceSubrange(range, with: wound.former)
                hasHealed = true
            }
            wounds = []
            return hasHealed
        }
    }
}
