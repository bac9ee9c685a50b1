import Glibc
import LinuxSystem
import OperationLogs

/// The directory of segments: makes them, frees them, and uses a freed one again. Used by the writer's thread.
struct SegmentShelf<Disk: Storage>: Sendable {
    let directory: Disk
    let map: SpoolMap
    let retention: SegmentRetention
    /// Bytes of the file that waits to be used again; 0: there is none.
    private(set) var spareBytes: UInt64 = 0

    /// The segments before the last one, for the decisions about space. The last stays, sealed or not: from it a start
    /// knows where the numbers go on.
    func closed(now: Timestamp) -> [SegmentRetention.Candidate] {
        map.snapshot.segments.dropLast().compactMap { segment in
            segment.next.map { next in
                SegmentRetention.Candidate(
                    first: segment.first, last: SequenceNumber(next.rawValue - 1), bytes: segment.bytes,
                    ageSeconds: (now.microseconds - segment.lastWritten.microseconds) / 1_000_000)
            }
        }
    }

    /// Frees the oldest segments. The cursor on disk has passed them.
    mutating func free(_ count: Int) throws(SystemError) {
        guard count > 0 else { return }
        let freed = Array(map.snapshot.segments.prefix(count))
        map.update { $0.segments.removeFirst(count) }
        for segment in freed {
            let isSpare = spareBytes == 0 && segment.bytes == retention.options.segmentBytes
            let isKept = isSpare ? try keepSpare(segment) : false
            if !isKept { try directory.remove(segment.name) }
            // One by one: not every file system keeps the order of two removals through a power cut, and one that is
            // gone between two that are there would look like damage.
            try directory.synchronizeDirectory()
        }
    }

    /// - Returns: false if the disk has not even room for the name.
    private mutating func keepSpare(_ segment: SegmentEntry) throws(SystemError) -> Bool {
        do throws(SystemError) {
            try directory.rename(segment.name, to: SegmentName.unnamed)
        } catch {
            guard error.isOutOfSpace else { throw error }
            return false
        }
        spareBytes = segment.bytes
        return true
    }

    /// Has blocks for a segment of so many bytes, under no name yet.
    ///
    /// - Throws: a full disk, after which nothing is left over.
    mutating func allocate(_ length: UInt64) throws(SystemError) -> (file: Disk.File, isRecycled: Bool) {
        if spareBytes > 0 {
            let isUseful = spareBytes == length
            spareBytes = 0
            if isUseful { return (try directory.open(SegmentName.unnamed, .writing), true) }
        }
        if try directory.names().contains(SegmentName.unnamed) { try directory.remove(SegmentName.unnamed) }
        let file = try directory.open(SegmentName.unnamed, .creating)
        do throws(SystemError) {
            try file.allocate(length)
        } catch {
            try directory.remove(SegmentName.unnamed)
            throw error
        }
        return (file, false)
    }

    /// Writes header and snapshot, syncs them, gives the file its name, and makes the name durable.
    ///
    /// - Throws: a full disk, after which the file waits to be used again.
    mutating func name(
        _ file: Disk.File, _ header: SegmentHeader, _ snapshot: FrameHeader, payload: [UInt8]
    ) throws(SystemError) -> ActiveSegment<Disk.File> {
        var active = ActiveSegment(
            file: file, header: header, end: UInt64(SegmentHeader.length), isStopSealed: false)
        do throws(SystemError) {
            try file.write(header.bytes, at: 0)
            try payload.withRawBytes { payload throws(SystemError) in
                try active.append(snapshot, payload: [payload])
            }
            try directory.rename(SegmentName.unnamed, to: SegmentName.of(header.firstSequence))
        } catch {
            if error.isOutOfSpace { spareBytes = header.fileLength }
            throw error
        }
        spareBytes = 0
        try directory.synchronizeDirectory()
        return active
    }
}
