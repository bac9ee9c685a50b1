import Glibc
import LinuxSystem
import OperationLogs

/// Reads a spool's files for people: takes no lock and writes nothing, also while a daemon is at work in them.
public struct SpoolInspector<Disk: Storage> {
    let disk: Disk
    /// nil of a spool that has no segments yet.
    let directory: Disk?

    /// - Parameter disk: `state_directory/spool`, which must exist.
    public init(_ disk: Disk) throws(SpoolError) {
        self.disk = disk
        directory = try spooling { () throws(SystemError) in
            try disk.names().contains("segments") ? try disk.directory("segments") : nil
        }
    }

    /// Which spool it is, and its runs; nil if there is none.
    public func identity() throws(SpoolError) -> (spool: UniqueID, runs: [SpoolRun])? {
        try IdentityFile.read(disk).map { ($0.identity.spool, $0.identity.runs) }
    }

    /// Up to where every record has its fate; nil without a cursor. A lane's position is that of its row, or what counts
    /// as delivered before there was one.
    public func cursor() throws(SpoolError) -> (settled: SequenceNumber, moved: SequenceNumber, lanes: [LanePosition])?
    {
        guard let read = try CursorFile<Disk.File>.read(disk) else { return nil }
        let identity = try IdentityFile.read(disk)?.identity
        let slot = identity?.following(read) ?? read
        let lanes = slot.lanes.map { lane in
            let floor = identity?.floor(of: lane.lane) ?? .zero
            return floor > lane.position ? LanePosition(lane: lane.lane, position: floor, origin: nil) : lane
        }
        return (slot.settled, slot.moved, lanes)
    }

    /// The first record without a fate, as far as the cursor says: where `opslogd spool cat` begins.
    public func firstUndelivered() throws(SpoolError) -> SequenceNumber {
        let cursor = try cursor()
        return min(cursor?.settled ?? .zero, cursor?.moved ?? .zero).advanced(by: 1)
    }

    /// All segments, oldest first. Reads headers only, and passes over those that do not verify.
    public func segments() throws(SpoolError) -> [SegmentSummary] {
        let delivered = try SequenceNumber(firstUndelivered().rawValue - 1)
        var summaries: [SegmentSummary] = []
        for first in try firsts() {
            guard let opened = try open(first) else { continue }
            let walk = FrameWalk(opened.file, opened.header)
            while let frame = try walk.next() { walk.pass(frame) }
            let last = SequenceNumber(walk.expected.rawValue - 1)
            summaries.append(
                SegmentSummary(
                    name: SegmentName.of(first), firstSequence: first, lastSequence: last,
                    bytes: opened.header.fileLength, usedBytes: walk.offset, isSealed: walk.isSealed,
                    made: opened.header.made, run: opened.header.run, isDelivered: last <= delivered))
        }
        return summaries
    }

    /// Calls `body` with each group that has records at or behind `sequence`, in order, until it returns false.
    ///
    /// The payload is valid within the call. What does not verify is passed over: `verify` names it.
    /// - Throws: what `body` throws.
    public func forEachGroup(from sequence: SequenceNumber, _ body: (RecordGroup) throws -> Bool) throws {
        let firsts = try firsts()
        let start = firsts.lastIndex { $0 <= sequence } ?? 0
        for first in firsts.dropFirst(start) {
            guard let opened = try open(first) else { continue }
            let walk = FrameWalk(opened.file, opened.header)
            while let frame = try walk.next() {
                if frame.kind == .group, frame.recordCount > 0, frame.nextSequence > sequence {
                    guard let payload = try walk.payload(frame) else {
                        guard try walk.passOver() else { break }
                        continue
                    }
                    let group = RecordGroup(
                        firstSequence: frame.firstSequence, recordCount: frame.recordCount, origin: frame.origin,
                        payload: payload)
                    guard try body(group) else { return }
                }
                walk.pass(frame)
            }
        }
    }

    func firsts() throws(SpoolError) -> [SequenceNumber] {
        guard let directory else { return [] }
        return try spooling { () throws(SystemError) in
            try directory.names().compactMap(SegmentName.firstSequence)
        }
    }

    /// nil if the file went away meanwhile, or has no header of its own.
    func open(
        _ first: SequenceNumber
    ) throws(SpoolError) -> (file: Disk.File, header: SegmentHeader, isHeaderDamaged: Bool)? {
        guard let directory else { return nil }
        do throws(SystemError) {
            let file = try directory.open(SegmentName.of(first), .reading)
            let bytes = try file.bytes(from: 0, count: SegmentHeader.length)
            switch bytes.withUnsafeBytes({ SegmentHeader.read($0, named: first) }) {
            case .valid(let header): return header.firstSequence == first ? (file, header, false) : nil
            case .damaged(let header): return (file, header, true)
            case .unknownVersion, .invalid: return nil
            }
        } catch  where error.code == ENOENT {
            return nil
        } catch {
            throw SpoolError(error)
        }
    }
}

extension SpoolInspector where Disk == DirectoryStorage {
    /// Of the spool at `state_directory/spool`, which is not made if it is not there.
    public init(path: String) throws(SpoolError) {
        let disk = try spooling { () throws(SystemError) in
            _ = try FileIdentity.at(path)
            return try DirectoryStorage(path: path)
        }
        try self.init(disk)
    }
}
