import LinuxSystem
import OperationLogs

/// Reads a whole segment, frame by frame with every checksum, passes over what is damaged, and says how it ends.
struct SegmentScan: Sendable {
    let header: SegmentHeader
    private(set) var tail = TailFacts()
    /// What does not verify although something behind it does, in order.
    private(set) var losses: [LostRange] = []
    /// Without it, positions are those of `init`'s `before`, as far as the groups hold none.
    private(set) var hasSnapshot = false
    /// Behind the last frame that verifies.
    private(set) var end = UInt64(SegmentHeader.length)
    /// Where the last group begins, or the snapshot if there is none: what is written again.
    private(set) var lastGroupOffset = UInt64(SegmentHeader.length)
    private(set) var nextSequence: SequenceNumber
    private(set) var chain: UInt64
    /// Not behind a damaged place: the next frame's own is taken over.
    private var isChainKnown = true
    /// Of the last frame whose header verifies and whose payload does not: the chain behind it is known all the same.
    private var damagedFrame: FrameHeader?
    /// Nothing verifies between the last loss and the end.
    var endsBehindLoss: Bool { !isChainKnown }
    private(set) var latestFilledIn = Timestamp(microseconds: .min)
    private(set) var lastWritten: Timestamp
    private(set) var positions: [[UInt8]: [UInt8]] = [:]
    /// Sources of which the segment says that they are to be forgotten.
    private(set) var forgotten: Set<[UInt8]> = []
    /// What is known of the positions around each of the losses.
    private(set) var gaps = PositionGaps()
    /// The first records of the groups with their times.
    private(set) var marks = AgeMarks()
    /// Behind the last byte that is not zero.
    private(set) var lastByte: UInt64 = 0

    /// - Parameters:
    ///   - before: the scan of the segment before, for one whose snapshot is damaged.
    ///   - book: what was lost before, and comes again from its files: the positions of groups that are whole once more say
    ///     that it was read.
    ///   - watermarks: told of the snapshot and of what stands behind it. A scan of a segment without its snapshot follows
    ///     one of the segment before.
    /// - Throws: `.damaged` where a chain is broken; a failure to read as it is.
    init<File: StorageFile>(
        _ file: File, _ header: SegmentHeader, before: SegmentScan? = nil, book: LossBook? = nil,
        watermarks: (any DurableWatermarks)? = nil
    ) throws(SpoolError) {
        self.header = header
        nextSequence = header.firstSequence
        chain = header.chain
        lastWritten = header.made
        positions = before?.positions ?? [:]
        tail.isRecycled = header.isRecycled
        tail.isEmpty = true
        tail.isShort = try spooling { () throws(SystemError) in try file.length() } < header.fileLength
        let window = FrameWindow<File>()
        window.turn(to: file)
        repeat {
            while try readFrame(window, book, watermarks) {}
        } while try passOver(file)
        if !tail.endsWithOwnSeal { try lookBehind(file) }
    }

    /// Goes on at the next frame that verifies; false if there is none.
    private mutating func passOver<File: StorageFile>(_ file: File) throws(SpoolError) -> Bool {
        guard !tail.endsWithOwnSeal,
            let found = try FrameSearch(header: header, limit: header.fileLength)
                .next(in: file, behind: end, least: nextSequence)
        else { return false }
        let next = found.frame.firstSequence
        losses.append(
            LostRange(
                segment: SegmentName.of(header.firstSequence), offset: end, endOffset: found.offset,
                first: nextSequence, next: next))
        gaps.lost(losses.count - 1, hasRecords: next > nextSequence, positions)
        end = found.offset
        if let frame = damagedFrame, frame.firstSequence == nextSequence, frame.nextSequence == next {
            chain = frame.chain
        }
        nextSequence = next
        isChainKnown = false
        return true
    }

    /// Takes the next frame in; false at the end.
    private mutating func readFrame<File: StorageFile>(
        _ window: FrameWindow<File>, _ book: LossBook?, _ watermarks: (any DurableWatermarks)?
    ) throws(SpoolError) -> Bool {
        let limit = header.fileLength
        let head = try spooling { () throws(SystemError) in
            try window.bytes(at: end, FrameHeader.length, limit: limit)
        }
        guard let frame = FrameHeader(head, salt: header.salt, offset: end),
            frame.fits(limit - end)
        else { return false }
        let whole = try spooling { () throws(SystemError) in
            try window.bytes(at: end, FrameHeader.length + frame.payloadLength, limit: limit)
        }
        guard whole.count == FrameHeader.length + frame.payloadLength,
            case let payload = whole.part(FrameHeader.length, frame.payloadLength),
            CRC32C.of(payload) == frame.payloadChecksum
        else {
            damagedFrame = frame
            return false
        }
        try take(frame, payload, book, watermarks)
        end += frame.frameLength
        return !tail.endsWithOwnSeal
    }

    private mutating func take(
        _ frame: FrameHeader, _ payload: UnsafeRawBufferPointer, _ book: LossBook?,
        _ watermarks: (any DurableWatermarks)?
    ) throws(SpoolError) {
        guard frame.firstSequence == nextSequence else {
            throw broken("sequence number \(frame.firstSequence) stands where \(nextSequence) follows")
        }
        guard !isChainKnown || frame.chain == (frame.kind == .group ? frame.chain(after: chain) : chain) else {
            throw broken("the checksum chained over all groups does not follow")
        }
        isChainKnown = true
        tail.isEmpty = false
        tail.endsWithStopSeal = false
        switch frame.kind {
        case .snapshot:
            guard let snapshot = Snapshot.read(payload) else { throw broken("the snapshot's lengths do not add up") }
            hasSnapshot = true
            for (key, value) in snapshot.positions { positions[key] = value }
            gaps.take(snapshot: positions)
            watermarks?.recovered(snapshot.pipelines, before: frame.firstSequence)
        case .group:
            if frame.recordCount > 0 { marks.add(frame.firstSequence, frame.written) }
            if !(book?.isComing(frame.firstSequence, before: frame.nextSequence) ?? false) {
                try takeChunks(frame, payload, watermarks)
            }
            lastGroupOffset = end
        case .seal:
            tail.endsWithOwnSeal = frame.endsSegment
            tail.endsWithStopSeal = !frame.endsSegment
        }
        nextSequence = frame.nextSequence
        chain = frame.chain
        latestFilledIn = max(latestFilledIn, frame.latestFilledIn)
        lastWritten = frame.written
    }

    private mutating func takeChunks(
        _ frame: FrameHeader, _ payload: UnsafeRawBufferPointer, _ watermarks: (any DurableWatermarks)?
    ) throws(SpoolError) {
        let group = RecordGroup(
            firstSequence: frame.firstSequence, recordCount: frame.recordCount, origin: frame.origin, payload: payload)
        do {
            try group.forEachChunk { chunk in
                try gaps.take(chunk)
                try chunk.forEachPosition { key, value in
                    positions[Array(key)] = value.isEmpty ? nil : Array(value)
                    if value.isEmpty { forgotten.insert(Array(key)) }
                }
                if chunk.holds(.pipelineWatermarks) { watermarks?.durable(chunk, settled: .zero) }
            }
        } catch {
            throw broken("\(error)")
        }
    }

    private func broken(_ what: String) -> SpoolError {
        .damaged("segments/\(SegmentName.of(header.firstSequence))", offset: end, what)
    }

    /// Looks at everything behind the last frame.
    private mutating func lookBehind<File: StorageFile>(_ file: File) throws(SpoolError) {
        let block = 1 << 20
        guard end < header.fileLength else { return }
        let room = UnsafeMutableRawBufferPointer.allocate(
            byteCount: min(block, Int(header.fileLength - end)), alignment: 16)
        defer { room.deallocate() }
        tail.slotIsZero = true
        tail.restIsZero = true
        var at = end
        while at < header.fileLength {
            let wanted = UnsafeMutableRawBufferPointer(
                rebasing: room[..<Int(min(UInt64(room.count), header.fileLength - at))])
            let count = try spooling { () throws(SystemError) in try file.read(into: wanted, at: at) }
            guard count > 0 else { break }
            look(UnsafeRawBufferPointer(rebasing: wanted[..<count]), at: at)
            at += UInt64(block)
        }
    }

    private mutating func look(_ bytes: UnsafeRawBufferPointer, at: UInt64) {
        if at == end { tail.slotIsZero = bytes.part(0, min(FrameHeader.length, bytes.count)).isAllZeros }
        guard !bytes.isAllZeros else { return }
        tail.restIsZero = false
        var used = bytes.count
        while used > 4096, bytes.part(used - 4096, 4096).isAllZeros { used -= 4096 }
        while used > 0, bytes[used - 1] == 0 { used -= 1 }
        lastByte = at + UInt64(used)
    }
}
