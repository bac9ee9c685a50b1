import LinuxSystem
import OperationLogs
import Spool
import Synchronization

/// Bits that flip and sectors that are lost, with an account of the records and dead letters that stood there.
final class DiskDamage {
    private struct Wound {
        let directory: String
        let name: String
        let offset: Int
        let former: [UInt8]
        let damaged: [UInt8]
    }

    let disk: DiskState
    private var wounds: [Wound] = []
    /// Of records whose place was damaged at any time.
    private(set) var sequences: Set<UInt64> = []
    /// Of dead letters, likewise.
    private(set) var letters: Set<UInt64> = []

    init(_ disk: DiskState) { self.disk = disk }

    /// Damages one place of `frame`, `header`, `cursor`, `identity` or `deadLetters`, if there is one.
    ///
    /// - Parameters:
    ///   - durable: the last record that is.
    ///   - isRunning: whether a daemon goes on meanwhile, which knows the last segment's header.
    func strike(
        _ place: DamagedPlace, _ kind: DamageKind, durable: SequenceNumber, isRunning: Bool, seed: UInt64
    ) throws {
        var random = SplitMix64(seed: seed)
        switch place {
        case .frame: try strikeFrame(kind, durable, &random)
        case .header: try strikeHeader(kind, isRunning: isRunning, &random)
        case .cursor:
            let isBoth = Int.random(in: 0..<4, using: &random) == 0
            let slot = Int.random(in: 0..<2, using: &random)
            for slot in isBoth ? [0, 1] : [slot] {
                damage("", "cursor", slot * 4096..<slot * 4096 + 512, kind, &random)
            }
        case .identity:
            guard let length = length("", "identity") else { return }
            damage("", "identity", 0..<length, kind, &random)
        case .deadLetters: strikeLetter(kind, isRunning: isRunning, &random)
        case .end: break
        }
    }

    /// Only where something durable stands behind: else it looks like a torn end, and is cut as one.
    private func strikeFrame(_ kind: DamageKind, _ durable: SequenceNumber, _ random: inout SplitMix64) throws {
        let frames = try frames()
        guard let last = frames.last(where: { $0.holdsRecords && $0.first <= durable }) else { return }
        // Groups are what most of the bytes are; heads and ends of segments have their turn all the same.
        let wanted = Int.random(in: 0..<4, using: &random) > 0
        let candidates = frames.filter { $0.holdsRecords == wanted && $0.next <= last.first }
        guard let frame = candidates.randomElement(using: &random) else { return }
        let at = Int(UInt64.random(in: frame.offset..<frame.end, using: &random))
        let range = range(at, kind)
        let struck = frames.filter { $0.segment == frame.segment && $0.overlaps(range) }
        guard struck.allSatisfy({ $0.next <= last.first }), range.lowerBound >= 4096 else { return }
        guard damage("segments", frame.segment, at..<at + 1, kind, &random) != nil else { return }
        count(struck)
    }

    private func strikeHeader(_ kind: DamageKind, isRunning: Bool, _ random: inout SplitMix64) throws {
        let frames = try frames()
        guard let last = frames.last?.segment, let segment = frames.randomElement(using: &random)?.segment,
            segment != last || !isRunning
        else { return }
        let isBoth = Bool.random(using: &random)
        let copy = Int.random(in: 0..<2, using: &random)
        for copy in isBoth ? [0, 1] : [copy] {
            damage("segments", segment, copy * 2048..<copy * 2048 + 96, kind, &random)
        }
        // Of a last one a start says so, and stops.
        let left = Set(try self.frames().map(\.segment))
        if !left.contains(segment), segment != last { count(frames.filter { $0.segment == segment }) }
    }

    private func strikeLetter(_ kind: DamageKind, isRunning: Bool, _ random: inout SplitMix64) {
        let names = disk.contents.withLock { $0.directories["dead-letters"]?.entries.keys.sorted() ?? [] }
        guard let name = names.filter({ $0.hasSuffix(".dead") }).randomElement(using: &random),
            let length = length("dead-letters", name), length > 0
        else { return }
        // Not the last line's end, while a daemon may write the next line behind it.
        let end = isRunning ? (length - 1) / DiskState.sector * DiskState.sector : length
        let former = bytes("dead-letters", name)
        guard end > 0, let range = damage("dead-letters", name, 0..<end, kind, &random) else { return }
        // Nothing stops for it, and what the spool still holds is moved again: nobody puts it back behind that.
        wounds.removeLast()
        letters.formUnion(JournalBooks.letters(in: former, touching: range))
    }

    /// Damages the last group, with the daemon down.
    ///
    /// - Parameter top: no record up to here is damaged.
    /// - Returns: the records that stood there; nil if there are none.
    func strikeEnd(_ kind: DamageKind, behind top: SequenceNumber, seed: UInt64) throws -> Range<UInt64>? {
        var random = SplitMix64(seed: seed)
        let frames = try frames()
        // In a segment before the last it is no end: who reads there says so.
        guard let frame = frames.last(where: \.holdsRecords), frame.first > top,
            frame.segment == frames.last?.segment
        else { return nil }
        let at = Int(UInt64.random(in: frame.offset..<frame.offset + frame.usedLength, using: &random))
        let struck = frames.filter { $0.segment == frame.segment && $0.overlaps(range(at, kind)) }
        guard struck.allSatisfy({ !$0.holdsRecords || $0.first > top }), range(at, kind).lowerBound >= 4096,
            struck.first?.offset ?? 0 > 4096,
            damage("segments", frame.segment, at..<at + 1, kind, &random) != nil
        else { return nil }
        // What is cut is written over with zeros, as a sector was that is lost: nothing may put it back.
        wounds.removeLast()
        count(struck)
        let first = struck.filter(\.holdsRecords).map(\.first.rawValue).min() ?? frame.first.rawValue
        return first..<frame.next.rawValue
    }

    /// Records that are lost otherwise.
    func lose(_ lost: Range<UInt64>) { sequences.formUnion(lost) }

    // MARK: Bytes

    private func frames() throws -> [FramePlace] {
        try disk.unfailing { try SpoolInspector(SimulatedDisk(disk).directory("spool")).framePlaces() }
    }

    private func count(_ struck: [FramePlace]) {
        for frame in struck { sequences.formUnion(frame.first.rawValue..<frame.next.rawValue) }
    }

    private func bytes(_ directory: String, _ name: String) -> [UInt8] {
        disk.contents.withLock { contents in
            contents.directories[directory]?.entries[name].flatMap { contents.nodes[$0]?.bytes } ?? []
        }
    }

    /// Up to its last byte that is not zero.
    private func length(_ directory: String, _ name: String) -> Int? {
        bytes(directory, name).lastIndex { $0 != 0 }.map { $0 + 1 }
    }

    private func range(_ at: Int, _ kind: DamageKind) -> Range<Int> {
        let sector = at / DiskState.sector
        return kind == .bit ? at..<at + 1 : sector * DiskState.sector..<(sector + 1) * DiskState.sector
    }

    /// Damages a place that begins within `within`, unless it is not synced yet: that would come back from elsewhere.
    @discardableResult
    private func damage(
        _ directory: String, _ name: String, _ within: Range<Int>, _ kind: DamageKind, _ random: inout SplitMix64
    ) -> Range<Int>? {
        let at = Int.random(in: within, using: &random)
        let bit = UInt8(1) << UInt8.random(in: 0..<8, using: &random)
        let wanted = range(at, kind)
        let wound: Wound? = disk.contents.withLock { contents in
            guard let node = contents.directories[directory]?.entries[name],
                let bytes = contents.nodes[node]?.bytes,
                contents.nodes[node]?.before[at / DiskState.sector] == nil,
                contents.nodes[node]?.givenUp[at / DiskState.sector] == nil
            else { return nil }
            let range = wanted.clamped(to: 0..<bytes.count)
            let former = Array(bytes[range])
            let damaged = kind == .bit ? former.map { $0 ^ bit } : [UInt8](repeating: 0, count: former.count)
            contents.nodes[node]?.bytes.replaceSubrange(range, with: damaged)
            return Wound(directory: directory, name: name, offset: range.lowerBound, former: former, damaged: damaged)
        }
        guard let wound else { return nil }
        wounds.append(wound)
        return wanted
    }

    /// What is done when a daemon does not start for damage: the files are restored from a copy.
    ///
    /// - Returns: whether anything was.
    func heal() -> Bool {
        disk.contents.withLock { contents in
            var hasHealed = false
            for wound in wounds.reversed() {
                let range = wound.offset..<wound.offset + wound.former.count
                // A file that was set back is another one of that name.
                guard let node = contents.directories[wound.directory]?.entries[wound.name],
                    let bytes = contents.nodes[node]?.bytes, range.upperBound <= bytes.count,
                    bytes[range].elementsEqual(wound.damaged)
                else { continue }
                contents.nodes[node]?.bytes.replaceSubrange(range, with: wound.former)
                hasHealed = true
            }
            wounds = []
            return hasHealed
        }
    }
}

extension FramePlace {
    fileprivate func overlaps(_ range: Range<Int>) -> Bool {
        offset < UInt64(range.upperBound) && UInt64(range.lowerBound) < end
    }
}
