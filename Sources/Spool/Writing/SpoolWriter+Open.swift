import Instruments
import LinuxSystem
import OperationLogs

/// What a writer is put together from.
struct SpoolParts<Disk: Storage> {
    let core: WriterCore<Disk>
    let inbox: SpoolInbox
    let recovery: String
    let damage: DamageRegister<Disk>
}

extension SpoolWriter {
    /// Opens the spool in `disk` (`state_directory/spool`), makes it if it is not there, and recovers it.
    ///
    /// When this returns, everything that was read is durable, and so is this run's id. On real storage the caller
    /// holds a `SpoolLock` on the directory.
    /// - Parameters:
    ///   - host: compared with the one the spool was made on.
    ///   - deadLetter: the last record of this spool of which there is a dead letter.
    ///   - watermarks: told of those that are durable, from the recovered ones on; asked what of them a snapshot keeps.
    ///   - sources: reads the positions of inputs that can read lines again, for those that stood in a damaged place; nil
    ///     where there are none.
    ///   - randomID: for the spool, the run and the salts.
    /// - Throws: `SpoolError`; in the cases whose remedy is to stop, nothing was changed.
    public static func open(
        disk: Disk, time: Time, options: SpoolOptions, host: SpoolHost, deadLetter: SequenceNumber = .zero,
        diagnostics: Diagnostics, registry: Registry, watermarks: (any DurableWatermarks)? = nil,
        sources: (any SourcePositionReading)? = nil, randomID: @escaping @Sendable () -> UniqueID = UniqueID.random
    ) throws(SpoolError) -> SpoolWriter {
        let options = try options.validated()
        let segments = try spooling { () throws(SystemError) in try disk.directory("segments") }
        func examine() throws(SpoolError) -> SpoolRecovery<Disk> {
            try SpoolRecovery.examine(
                disk, segments: segments, host: host, deadLetter: deadLetter,
                book: sources == nil ? nil : LossFile(disk).book, watermarks: watermarks, makingIdentity: randomID)
        }
        var found = try examine()
        var reserve = try SpoolReserve(disk, segmentBytes: options.segmentBytes)
        let accounts = try sources.map { sources throws(SpoolError) in
            try LossAccounts(
                disk, sources: sources, first: found.entries.first?.first,
                next: found.gap?.next ?? found.nextSequence, top: found.top, name: found.identity.identity.name
            ) {
                Timestamp(unixMicroseconds: time.realtimeMicroseconds())
            }
        }
        if let accounts, let scan = found.scan { try accounts.close(wholeIn: scan) }
        // Before it is cut: nobody could tell later that there was one.
        if let accounts, let scan = found.scan, found.recoveryCase == .tornTail {
            try accounts.noteEnd(scan)
            try note(again: accounts, sparing: &reserve)
        }
        var recovery = try mend(found, sparing: &reserve, diagnostics)
        if found.needsSeal {
            found = try examine()
            recovery += "; " + (try mend(found, sparing: &reserve, diagnostics))
        }
        let damage = try DamageRegister(
            disk, segments: segments, delivered: found.delivered,
            durable: SequenceNumber((found.gap?.next ?? found.nextSequence).rawValue - 1), gaps: found.gapsPassed,
            diagnostics: diagnostics, registry: registry, accounts: accounts)
        try note(found, in: damage)
        if let accounts { try note(again: accounts, sparing: &reserve) }
        let now = Timestamp(unixMicroseconds: time.realtimeMicroseconds())
        let run = SpoolRun(id: randomID(), firstSequence: found.gap?.next ?? found.nextSequence, time: now.rfc3339)
        if found.cursor == nil {
            try CursorFile<Disk.File>.make(disk, .beginning(spool: found.identity.identity.name))
        }
        guard let slot = try found.cursor == nil ? CursorFile<Disk.File>.read(disk) : found.cursor else {
            throw .damaged(CursorFile<Disk.File>.name, offset: 0, "it is missing")
        }
        var cursor = try CursorFile(disk, continuing: slot)
        if found.cursor != nil {
            // The slot that was read may stand in the page cache only, and segments are freed by what it says.
            try spooling { () throws(SystemError) in
                try reserve.makingWay { () throws(SystemError) in try cursor.save(slot) }
            }
        }
        var core = try WriterCore(
            found, run: run.id, cursor: cursor, reserve: reserve, options: options, watermarks: watermarks,
            randomID: randomID)
        // Before any run is known to begin there: a gap that such a run knows of is not passed a second time.
        if let gap = found.gap {
            try core.pass(gap, delivered: min(slot.settled, slot.moved), now: now)
        }
        try core.identity.append(.run(run), sparing: &core.reserve)
        try core.sign(slot)
        try spooling { () throws(SystemError) in try core.reserve.make() }
        if let scan = found.scan, !scan.hasSnapshot, found.gap == nil {
            // Its positions come from the segment before, which may go once this one has them.
            _ = try core.makeSegment(holding: 0, delivered: min(slot.settled, slot.moved), now: now)
        }
        let inbox = SpoolInbox(
            lanes: slot.lanes, settled: slot.settled, moved: slot.moved, marks: marks(found),
            latestFilledIn: found.latestFilledIn, identity: core.identity.identity)
        diagnostics.info(recovery)
        return try SpoolWriter(
            SpoolParts(
                core: core, inbox: inbox, recovery: recovery, damage: damage),
            time: time, options: options, diagnostics: diagnostics, registry: registry)
    }

    private static func note(_ found: SpoolRecovery<Disk>, in damage: DamageRegister<Disk>) throws(SpoolError) {
        if let gap = found.gap, let accounts = damage.accounts {
            try accounts.noteGap(gap, behind: found.scan)
        }
        for loss in found.losses {
            let isLast = loss.segment == found.entries.last?.name
            try damage.note(loss, last: isLast ? found.scan : nil) { found.entries }
        }
    }

    /// With the room of the reserve.
    private static func note(
        again accounts: LossAccounts<Disk>, sparing reserve: inout SpoolReserve<Disk>
    ) throws(SpoolError) {
        guard accounts.hasNotesLeft else { return }
        _ = try spooling { () throws(SystemError) in try reserve.giveUp() }
        _ = accounts.noteAgain()
    }

    /// Mending is the same when it is done again.
    private static func mend(
        _ found: SpoolRecovery<Disk>, sparing reserve: inout SpoolReserve<Disk>, _ diagnostics: Diagnostics
    ) throws(SpoolError) -> String {
        do {
            return try found.mend(diagnostics)
        } catch {
            guard error.isOutOfSpace, try spooling({ () throws(SystemError) in try reserve.giveUp() }) else {
                throw error
            }
            return try found.mend(diagnostics)
        }
    }

    /// The segments' own times, and those of the groups in the last one.
    private static func marks(_ found: SpoolRecovery<Disk>) -> AgeMarks {
        var marks = AgeMarks()
        for entry in found.entries.dropLast() { marks.add(entry.first, entry.header.made) }
        if let scan = found.scan { marks.add(scan.marks) }
        return marks
    }
}

extension WriterCore {
    fileprivate init(
        _ found: SpoolRecovery<Disk>, run: UniqueID, cursor: CursorFile<Disk.File>, reserve: SpoolReserve<Disk>,
        options: SpoolOptions,
        watermarks: (any DurableWatermarks)?, randomID: @escaping @Sendable () -> UniqueID
    ) throws(SpoolError) {
        let map = SpoolMap(
            SpoolMap.State(
                segments: found.entries, durableEnd: found.scan?.end ?? 0,
                durable: SequenceNumber(found.nextSequence.rawValue - 1)))
        var active: ActiveSegment<Disk.File>?
        if let scan = found.scan, !scan.tail.endsWithOwnSeal {
            let name = SegmentName.of(scan.header.firstSequence)
            active = ActiveSegment(
                file: try spooling { () throws(SystemError) in try found.segments.open(name, .writing) },
                header: scan.header, end: scan.end, isStopSealed: scan.tail.endsWithStopSeal)
        }
        let gather: UInt64 = if case .interval(let milliseconds) = options.sync { UInt64(milliseconds) } else { 0 }
        self.init(
            spool: found.identity.identity.spool, run: run,
            commit: GroupCommitStateMachine(
                groupBytes: Int(min(4 << 20, options.segmentBytes / 4)), gatherMilliseconds: gather),
            shelf: SegmentShelf(
                directory: found.segments, map: map, retention: SegmentRetention(options: options)),
            cursor: cursor, reserve: reserve, identity: found.identity, active: active,
            nextSequence: found.nextSequence, chain: found.chain,
            latestFilledIn: found.latestFilledIn, positions: found.scan?.positions ?? [:], watermarks: watermarks,
            randomID: randomID)
    }
}
