import Instruments
import LinuxSystem
import OperationLogs

/// The writer's own state, touched by its thread only: writes groups, rotates segments, saves the cursor.
struct WriterCore<Disk: Storage>: Sendable {
    let spool: UniqueID
    let run: UniqueID
    var commit: GroupCommitStateMachine
    var shelf: SegmentShelf<Disk>
    var cursor: CursorFile<Disk.File>
    var reserve: SpoolReserve<Disk>
    var identity: IdentityFile<Disk>
    /// nil before the first record, and after a segment got its own seal.
    var active: ActiveSegment<Disk.File>?
    var nextSequence: SequenceNumber
    var chain: UInt64
    var latestFilledIn: Timestamp
    var positions: [[UInt8]: [UInt8]]
    let watermarks: (any DurableWatermarks)?
    let randomID: @Sendable () -> UniqueID
    var trouble = SpaceTrouble()
    var syncs: UInt64 = 0
    /// Delivered segments that would have been kept, had there been room.
    private(set) var gaveWay: UInt64 = 0

    private func frame(_ kind: FrameHeader.Kind, endsSegment: Bool = false, _ now: Timestamp) -> FrameHeader {
        FrameHeader(
            kind: kind, endsSegment: endsSegment, firstSequence: nextSequence, run: run, chain: chain,
            latestFilledIn: latestFilledIn, written: now)
    }

    /// Writes the chunks as one group and syncs it.
    ///
    /// - Returns: false if the disk is full although the blocks were reserved (a copy-on-write file system): nothing
    ///   counts as written, and the same place may be written again.
    mutating func write(_ chunks: ArraySlice<RecordChunk>, now: Timestamp) throws(SpoolError) -> Bool {
        guard var segment = active else { return false }
        var frame = frame(.group, now)
        var payload: [UnsafeRawBufferPointer] = []
        payload.reserveCapacity(chunks.count + 2)
        var crc = CRC32C()
        for chunk in chunks {
            crc.update(chunk.bytes)
            payload.append(chunk.bytes)
            frame.recordCount += chunk.recordCount
            frame.payloadLength += chunk.bytes.count
            frame.latestFilledIn = max(frame.latestFilledIn, chunk.latestReceipt)
        }
        frame.payloadChecksum = crc.value
        frame.chain = frame.chain(after: chain)
        do throws(SystemError) {
            try segment.write(frame, payload: payload)
        } catch  where error.isOutOfSpace {
            return false
        } catch {
            throw SpoolError(error)
        }
        try spooling { () throws(SystemError) in try segment.synchronize(frame) }
        active = segment
        syncs += 1
        try takeNote(of: chunks)
        nextSequence = frame.nextSequence
        chain = frame.chain
        latestFilledIn = frame.latestFilledIn
        shelf.map.update {
            $0.durable = SequenceNumber(frame.nextSequence.rawValue - 1)
            $0.durableEnd = segment.end
            $0.segments[$0.segments.count - 1].lastWritten = now
        }
        return true
    }

    /// Before anybody is told that they are durable.
    private mutating func takeNote(of chunks: ArraySlice<RecordChunk>) throws(SpoolError) {
        var sequence = nextSequence
        for chunk in chunks {
            do {
                let reader = try ChunkReader(chunk.bytes, firstSequence: sequence)
                try reader.forEachPosition { key, value in
                    positions[Array(key)] = value.isEmpty ? nil : Array(value)
                }
                if reader.holds(.pipelineWatermarks) { watermarks?.durable(reader, settled: cursor.saved.settled) }
                sequence = sequence.advanced(by: chunk.recordCount)
            } catch {
                throw SpoolError(.damaged, "an input handed over a chunk that is not one: \(error); report this")
            }
        }
    }

    /// Seals the active segment and makes the next one, with room for a payload of `holding` bytes.
    ///
    /// - Returns: why there is no room; nil if it was made.
    mutating func makeSegment(
        holding payload: Int, delivered: SequenceNumber, now: Timestamp
    ) throws(SpoolError) -> SpaceShortage? {
        let snapshot = Snapshot.bytes(
            positions: positions, pipelines: watermarks?.entries(settled: cursor.saved.settled) ?? [])
        let frames = FrameHeader.frameLength(payload: snapshot.count) + FrameHeader.frameLength(payload: payload)
        let needed = UInt64(SegmentHeader.length) + frames + UInt64(2 * FrameHeader.length)
        let length = max(shelf.retention.options.segmentBytes, (needed + 4095) / 4096 * 4096)
        if let shortage = try makeRoom(length, delivered: delivered, now: now) { return shortage }
        let file: Disk.File
        let isRecycled: Bool
        do throws(SystemError) {
            (file, isRecycled) = try shelf.allocate(length)
        } catch  where error.isOutOfSpace {
            return .diskFull
        } catch {
            throw SpoolError(error)
        }
        // Groups of positions alone take no numbers: where there was nothing else, the next segment has the name of this
        // one, and takes its place. Its snapshot says all that they said, and the chain goes on from before them.
        let replaced = shelf.map.snapshot.segments.last.flatMap { $0.first == nextSequence ? $0.header : nil }
        if let replaced {
            chain = replaced.chain
            active = nil
        } else {
            try sealSegment(now)
        }
        let previous = shelf.map.snapshot.segments.last
        let header = SegmentHeader(
            salt: randomID(), spool: spool, firstSequence: nextSequence, chain: chain, made: now, fileLength: length,
            previousFirst: replaced?.previousFirst ?? previous?.first ?? .zero,
            previousSeal: replaced?.previousSeal ?? previous?.sealOffset ?? 0, run: run, isRecycled: isRecycled)
        var head = frame(.snapshot, now)
        head.payloadLength = snapshot.count
        head.payloadChecksum = snapshot.withUnsafeBytes { CRC32C.of($0) }
        let made: ActiveSegment<Disk.File>
        do throws(SystemError) {
            // The name may need a block of the directory.
            var shelf = shelf
            defer { self.shelf = shelf }
            made = try reserve.makingWay { () throws(SystemError) in
                try shelf.name(file, header, head, payload: snapshot)
            }
        } catch  where error.isOutOfSpace {
            return .diskFull
        } catch {
            throw SpoolError(error)
        }
        active = made
        syncs += 1
        shelf.map.update {
            if replaced != nil { $0.segments.removeLast() }
            $0.segments.append(SegmentEntry(header: header, lastWritten: now))
            $0.durableEnd = made.end
        }
        try spooling { () throws(SystemError) in try reserve.make() }
        return nil
    }

    private mutating func makeRoom(
        _ length: UInt64, delivered: SequenceNumber, now: Timestamp
    ) throws(SpoolError) -> SpaceShortage? {
        let available = try spooling { () throws(SystemError) in try shelf.directory.availableBytes() }
        let room = shelf.retention.room(
            for: length, closed: shelf.closed(now: now), delivered: delivered,
            activeBytes: shelf.map.snapshot.segments.last?.bytes ?? 0,
            spareBytes: shelf.spareBytes, available: available,
            isAllDelivered: delivered.rawValue + 1 >= nextSequence.rawValue)
        try spooling { () throws(SystemError) in try shelf.free(room.freed) }
        gaveWay += UInt64(room.freed)
        return room.shortage
    }

    /// The segment's own seal: the log goes on in the next one.
    mutating func sealSegment(_ now: Timestamp) throws(SpoolError) {
        guard var segment = active else { return }
        let seal = frame(.seal, endsSegment: true, now)
        let offset = segment.end
        try spooling { () throws(SystemError) in
            try reserve.makingWay { () throws(SystemError) in try segment.append(seal, payload: []) }
        }
        active = nil
        syncs += 1
        shelf.map.update {
            $0.segments[$0.segments.count - 1].sealOffset = offset
            $0.segments[$0.segments.count - 1].next = nextSequence
            $0.durableEnd = segment.end
        }
    }

    /// The seal of a clean stop; the segment's own where there is no room for another one behind it.
    mutating func sealStop(_ now: Timestamp) throws(SpoolError) {
        guard var segment = active, !segment.isStopSealed else { return }
        guard segment.end + UInt64(2 * FrameHeader.length) <= segment.header.fileLength else {
            return try sealSegment(now)
        }
        let seal = frame(.seal, now)
        try spooling { () throws(SystemError) in
            try reserve.makingWay { () throws(SystemError) in try segment.append(seal, payload: []) }
        }
        active = segment
        syncs += 1
        shelf.map.update { $0.durableEnd = segment.end }
    }

    /// Writes the cursor that was read under this run's name: a second proof that there is such a run, before the first
    /// append, and before the database can hear of it.
    mutating func sign(_ slot: CursorSlot) throws(SpoolError) {
        var slot = slot
        slot.run = run
        try spooling { () throws(SystemError) in
            var cursor = cursor
            try reserve.makingWay { () throws(SystemError) in try cursor.save(slot) }
            self.cursor = cursor
        }
        syncs += 1
    }

    /// Makes the cursor durable, and then frees what it has passed and is not kept.
    mutating func saveCursor(_ slot: CursorSlot, now: Timestamp) throws(SpoolError) {
        try spooling { () throws(SystemError) in
            var cursor = cursor
            try reserve.makingWay { () throws(SystemError) in try cursor.save(slot) }
            self.cursor = cursor
            let delivered = min(slot.settled, slot.moved)
            try shelf.free(shelf.retention.expired(shelf.closed(now: now), delivered: delivered))
            try reserve.make()
        }
        syncs += 1
    }
}
