import LinuxSystem
import OperationLogs

/// Reads durable groups in order, for one consumer, on one thread. Each frame's checksums and the chain are verified.
/// What does not verify is passed over, noted as lost before anything behind it is handed out, and the chain is taken
/// over from the header behind it.
///
/// The payload of a group is valid until the next call. Nothing is allocated a group, beyond a buffer that grows to the
/// largest one. Related system calls: `pread`.
public final class SpoolReader<Disk: Storage>: RecordSource {
    private let directory: Disk
    private let map: SpoolMap
    private let register: (@escaping @Sendable () -> Void) -> Void
    private let damage: DamageRegister<Disk>
    /// Whether what it reads goes nowhere.
    private let isAuditor: Bool
    private let window = FrameWindow<Disk.File>()

    private var file: Disk.File?
    private var segment: SegmentEntry?
    private var marks = SegmentMarks()
    /// Where the next frame stands, and what it must say.
    private var offset: UInt64 = 0
    private var expected = SequenceNumber.zero
    private var chain: UInt64 = 0
    /// Not behind a damaged place.
    private var isChainKnown = true
    /// Groups before this record are passed over.
    private var wanted = SequenceNumber(1)
    private var lastRead: (first: SequenceNumber, last: SequenceNumber, origin: RecordOrigin)?

    init(
        directory: Disk, map: SpoolMap, damage: DamageRegister<Disk>, isAuditor: Bool = false,
        register: @escaping (@escaping @Sendable () -> Void) -> Void
    ) {
        self.directory = directory
        self.map = map
        self.damage = damage
        self.isAuditor = isAuditor
        self.register = register
    }

    public var durable: SequenceNumber { map.durable }

    public func lastLost(from sequence: SequenceNumber) -> SequenceNumber? { damage.lastLost(from: sequence) }

    public func onDurable(_ wake: @escaping @Sendable () -> Void) { register(wake) }

    public func seek(to sequence: SequenceNumber) throws {
        wanted = max(sequence, SequenceNumber(1))
        if let segment, map.segment(holding: wanted)?.header == segment.header {
            if let mark = marks.last(before: wanted), expected > wanted || expected < mark.first { stand(at: mark) }
            // The frames in between are passed over.
            if expected <= wanted { return }
        }
        segment = nil
    }

    private func stand(at mark: SegmentMarks.Mark) {
        (offset, expected, chain, isChainKnown) = (mark.offset, mark.first, mark.chain, true)
    }

    public func next() throws -> RecordGroup? {
        guard wanted <= map.durable else { return nil }
        while let frame = try nextFrame() {
            if frame.kind == .group, frame.recordCount > 0, frame.nextSequence > wanted {
                guard let group = try readGroup(frame) else { continue }
                return group
            }
            pass(frame)
        }
        return nil
    }

    public func origin(of sequence: SequenceNumber) throws -> RecordOrigin? {
        if let lastRead, lastRead.first <= sequence, sequence <= lastRead.last { return lastRead.origin }
        guard sequence >= SequenceNumber(1), sequence <= map.durable, let entry = map.segment(holding: sequence),
            entry.first <= sequence
        else { return nil }
        // A reader of its own, so that this one stays where it is.
        let scout = SpoolReader(directory: directory, map: map, damage: damage, register: { _ in })
        scout.wanted = sequence
        while let frame = try scout.nextFrame() {
            if frame.kind == .group, frame.nextSequence > sequence {
                return frame.firstSequence <= sequence ? frame.origin : nil
            }
            scout.pass(frame)
        }
        return nil
    }

    /// The header of the next durable frame, across segments; nil at the end of what is durable.
    private func nextFrame() throws(SpoolError) -> FrameHeader? {
        while true {
            guard let current = segment else {
                guard let entry = map.segment(holding: wanted) else { return nil }
                try enter(entry)
                continue
            }
            let limit = map.readableEnd(of: current.first)
            guard map.holds(current) else {
                // Freed, since everything in it has its fate.
                segment = nil
                continue
            }
            if offset >= limit {
                // Nothing more yet; but a segment that is not the last has its seal before its end.
                guard limit == current.bytes, map.segment(after: current.first) != nil else { return nil }
                try passOver(current, "a frame does not verify")
                continue
            }
            let head = try spooling { () throws(SystemError) in
                try window.bytes(at: offset, FrameHeader.length, limit: limit)
            }
            guard let frame = FrameHeader(head, salt: current.header.salt, offset: offset),
                frame.fits(limit - offset)
            else {
                try passOver(current, "a frame does not verify")
                continue
            }
            try check(frame, current)
            guard frame.kind == .seal, frame.endsSegment else { return frame }
            guard let following = map.segment(after: current.first) else { return nil }
            try cross(to: following, from: current)
        }
    }

    private func check(_ frame: FrameHeader, _ current: SegmentEntry) throws(SpoolError) {
        guard frame.firstSequence == expected else {
            throw damaged(current, "record \(frame.firstSequence) stands where \(expected) follows")
        }
        guard !isChainKnown || frame.chain == (frame.kind == .group ? frame.chain(after: chain) : chain) else {
            throw damaged(current, "the checksum chained over all groups does not follow")
        }
    }

    private func readGroup(_ frame: FrameHeader) throws(SpoolError) -> RecordGroup? {
        guard let current = segment else { return nil }
        let length = FrameHeader.length + frame.payloadLength
        // Not beyond what is durable: bytes held from there would be stale once it has moved on.
        let limit = max(map.readableEnd(of: current.first), offset + UInt64(length))
        let whole = try spooling { () throws(SystemError) in
            try window.bytes(at: offset, length, limit: limit)
        }
        guard whole.count == length,
            case let payload = whole.part(FrameHeader.length, frame.payloadLength),
            CRC32C.of(payload) == frame.payloadChecksum
        else {
            try passOver(current, "the payload of a group does not verify")
            return nil
        }
        pass(frame)
        if damage.accounts?.comeAgain(frame.firstSequence, before: frame.nextSequence) ?? false {
            wanted = frame.nextSequence
            return nil
        }
        let group = RecordGroup(
            firstSequence: frame.firstSequence, recordCount: frame.recordCount, origin: frame.origin, payload: payload)
        wanted = frame.nextSequence
        if !isAuditor { damage.accounts?.handOut(group.lastSequence) }
        lastRead = (group.firstSequence, group.lastSequence, group.origin)
        return group
    }

    private func pass(_ frame: FrameHeader) {
        let behind = SegmentMarks.Mark(
            offset: offset + frame.frameLength, first: frame.nextSequence, chain: frame.chain)
        stand(at: behind)
        marks.note(behind)
    }

    /// Goes on at the next frame that verifies, here or at the head of the next segment.
    ///
    /// - Throws: `.damaged` where the damage reaches the end of what is durable: where it ends is known only once
    ///   something stands behind it, and a start finds it as a torn or damaged end.
    private func passOver(_ current: SegmentEntry, _ what: String) throws(SpoolError) {
        // It may have been freed, and used again, while it was read.
        guard map.holds(current) else { return segment = nil }
        // Asked for before the limit: with one behind it, the whole segment may be read.
        let following = map.segment(after: current.first)
        let limit = map.readableEnd(of: current.first)
        let search = FrameSearch(header: current.header, limit: limit)
        let found = try file.flatMap { file throws(SpoolError) in
            try search.next(in: file, behind: offset, least: expected)
        }
        guard map.holds(current) else { return segment = nil }
        var lost = LostRange(
            segment: current.name, offset: offset, endOffset: found?.offset ?? limit, first: expected, next: expected)
        if let found {
            lost.next = found.frame.firstSequence
            try damage.note(lost)
            offset = found.offset
            expected = lost.next
            isChainKnown = false
        } else if let following, following.first >= expected {
            lost.next = following.first
            try damage.note(lost)
            try enter(following)
        } else if let known = damage.range(at: offset, of: current.name), known.next == map.durable.advanced(by: 1) {
            // The start has found it, and cut what stood behind it: what follows is written where the limit is.
            offset = limit
            expected = known.next
            isChainKnown = false
        } else {
            throw damaged(current, what)
        }
    }

    /// From a segment's own seal to the next one; what stood between them is missing.
    private func cross(to following: SegmentEntry, from current: SegmentEntry) throws(SpoolError) {
        guard following.first >= expected else {
            throw damaged(current, "the next segment begins at \(following.first) where \(expected) follows")
        }
        if following.first > expected {
            try damage.note(
                LostRange(
                    segment: SegmentName.of(expected), offset: 0, endOffset: 0, first: expected,
                    next: following.first))
        }
        try enter(following)
    }

    private func enter(_ entry: SegmentEntry) throws(SpoolError) {
        let opened: Disk.File
        do throws(SystemError) {
            opened = try directory.open(entry.name, .reading)
        } catch {
            // Freed between the look at the map and this.
            guard map.holds(entry) else { return segment = nil }
            throw SpoolError(error)
        }
        window.turn(to: opened)
        file = opened
        segment = entry
        stand(at: marks.begin(entry))
    }

    private func damaged(_ current: SegmentEntry, _ what: String) -> SpoolError {
        .damaged("segments/\(current.name)", offset: offset, what)
    }
}
