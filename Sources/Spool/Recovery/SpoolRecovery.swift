import Glibc
import Instruments
import LinuxSystem
import OperationLogs

/// What a start found on disk. `examine` only reads; `mend` does what the cases say.
struct SpoolRecovery<Disk: Storage> {
    let disk: Disk
    let segments: Disk
    var identity: IdentityFile<Disk>
    let cursor: CursorSlot?
    /// All that stay, oldest first; the last as `scan` found it.
    private(set) var entries: [SegmentEntry]
    /// Of the last segment; nil of a spool without any.
    let scan: SegmentScan?
    let recoveryCase: RecoveryCase?
    /// The last file, if it never held a record, and why.
    let removed: (name: String, reason: RecoveryCase)?
    /// Damage that headers and seals tell of, and which is passed over.
    private(set) var findings: [SegmentFacts.Finding] = []
    /// The last record of which there is a dead letter.
    private var deadLetter = SequenceNumber.zero

    /// Behind the last record in the segments.
    var nextSequence: SequenceNumber { scan?.nextSequence ?? SequenceNumber(1) }
    /// Where the numbers go on by the operator's word, if that was not carried out yet.
    var gap: SpoolGap? {
        guard let missing, let last = identity.identity.gaps.last else { return nil }
        // Of a gap that was carried out there is a segment; and if that is lost again, a run that knows of it.
        return last.first == missing.first && missing.known <= last.known ? last : nil
    }
    /// Those that were carried out, as long as a reader may meet them.
    var gapsPassed: [SpoolGap] {
        guard let first = entries.first?.first else { return [] }
        return identity.identity.gaps.filter { first <= $0.next && $0.next <= nextSequence }
    }
    var chain: UInt64 { scan?.chain ?? 0 }
    var latestFilledIn: Timestamp { scan?.latestFilledIn ?? Timestamp(microseconds: .min) }

    /// Reads and judges everything, and changes nothing.
    ///
    /// - Parameters:
    ///   - deadLetter: the last record of this spool of which there is a dead letter.
    ///   - isSettling: segments that are missing at the end are what is to be settled.
    /// - Throws: a case of the table whose remedy is to stop.
    static func examine(
        _ disk: Disk, segments: Disk, host: SpoolHost, deadLetter: SequenceNumber, isSettling: Bool = false,
        book: LossBook? = nil, watermarks: (any DurableWatermarks)? = nil, makingIdentity: () -> UniqueID
    ) throws(SpoolError) -> SpoolRecovery {
        let names = try spooling { () throws(SystemError) in try segments.names() }
        let firsts = names.compactMap(SegmentName.firstSequence)
        var cursor = try CursorFile<Disk.File>.read(disk)
        guard let identity = try IdentityFile.read(disk) else {
            guard firsts.isEmpty, cursor == nil else {
                throw .damaged(IdentityFile<Disk>.name, offset: 0, "it is missing, but there are segments or a cursor")
            }
            return SpoolRecovery(
                disk: disk, segments: segments,
                identity: try .make(disk, spool: makingIdentity(), host: host), cursor: nil, entries: [], scan: nil,
                recoveryCase: nil, removed: nil)
        }
        if let difference = identity.identity.host.difference(from: host) {
            throw SpoolError(
                .copied,
                "the spool was copied, moved or restored (\(difference)); nothing is read or delivered until somebody says "
                    + "what it is: 'opslogd spool adopt' if this one is to go on, 'opslogd spool discard' to throw away "
                    + "what it holds undelivered; or put the state directory out of the way")
        }
        if let found = cursor {
            cursor = identity.identity.following(found)
            guard cursor != nil else {
                throw .damaged(CursorFile<Disk.File>.name, offset: 24, "it belongs to another spool, \(found.spool)")
            }
            // A last line that was damaged looks like a torn one. But a run writes the cursor before it does anything else.
            guard found.run == .zero || identity.identity.runs.contains(where: { $0.id == found.run }) else {
                throw .damaged(
                    IdentityFile<Disk>.name, offset: UInt64(identity.byteCount),
                    "the run \(found.run) wrote the cursor, and no line that verifies tells of it")
            }
        }
        let headers = try HeaderReader(segments: segments, firsts: firsts, spool: identity.identity.spool).read()
        var entries = headers.entries
        let scan = try lastScan(entries, segments, book, watermarks)
        if let scan, let index = entries.indices.last {
            entries[index].lastWritten = scan.lastWritten
            if scan.tail.endsWithOwnSeal {
                entries[index].sealOffset = scan.end - UInt64(FrameHeader.length)
                entries[index].next = scan.nextSequence
            }
        }
        let found = SpoolRecovery(
            disk: disk, segments: segments, identity: identity, cursor: cursor, entries: entries, scan: scan,
            recoveryCase: scan?.tail.recoveryCase, removed: headers.removed, findings: headers.findings,
            deadLetter: deadLetter)
        if entries.count > 0, cursor == nil {
            throw .damaged(CursorFile<Disk.File>.name, offset: 0, "it is missing, but there are segments")
        }
        if !isSettling, found.gap == nil, let missing = found.missing {
            throw found.aheadOfSegments(missing)
        }
        return found
    }

    /// Reads the last segment; and the one before, where only that still knows the positions of the inputs.
    private static func lastScan(
        _ entries: [SegmentEntry], _ segments: Disk, _ book: LossBook?, _ watermarks: (any DurableWatermarks)?
    ) throws(SpoolError) -> SegmentScan? {
        func scan(_ entry: SegmentEntry, before: SegmentScan? = nil) throws(SpoolError) -> SegmentScan {
            let file = try spooling { () throws(SystemError) in try segments.open(entry.name, .reading) }
            return try SegmentScan(file, entry.header, before: before, book: book, watermarks: watermarks)
        }
        guard let last = entries.last else { return nil }
        let found = try scan(last)
        guard !found.hasSnapshot else { return found }
        if let entry = entries.dropLast().last, entry.first == last.header.previousFirst {
            let before = try scan(entry)
            if before.hasSnapshot { return try scan(last, before: before) }
        }
        throw .damaged(
            "segments/\(last.name)", offset: UInt64(SegmentHeader.length),
            "the positions of the inputs do not verify, and no segment before it tells them: files would be read again")
    }

    /// Every record up to here has its fate, as far as the cursor says.
    var delivered: SequenceNumber { cursor.map { min($0.settled, $0.moved) } ?? .zero }

    /// No row moved beyond it, and nothing was discarded behind it, as far as the cursor and the identity say.
    var top: SequenceNumber {
        let floors = EventKind.allCases.map { identity.identity.floor(of: $0) }
        return (floors + (cursor?.lanes.map(\.position) ?? [])).max() ?? .zero
    }

    /// What a start knows to be lost: in the last segment, and before the first.
    var losses: [LostRange] {
        var losses = (scan?.losses ?? []) + (gap.map { [$0.range] } ?? [])
        guard let first = entries.first?.first, cursor != nil else { return losses }
        let expected = delivered.advanced(by: 1)
        if expected < first {
            let gap = identity.identity.gaps.last { $0.first <= expected && $0.next == first }
            let missing = LostRange(
                segment: SegmentName.of(expected), offset: 0, endOffset: 0, first: expected, next: first)
            losses.insert(gap?.range ?? missing, at: 0)
        }
        return losses
    }

    /// What cursor, runs and dead letters know beyond the end of the segments; nil if that is nothing. A number of which there
    /// is a dead letter must not be given again: the new record would be taken for the one that was rejected.
    var missing: MissingSegments? {
        let known = [cursor?.settled, cursor?.moved].compactMap { $0 } + (cursor?.lanes.map(\.position) ?? [])
        let ahead = known.max() ?? .zero
        let firstOfRun = identity.identity.runs.map(\.firstSequence).max() ?? .zero
        let signs = [
            (next: ahead.advanced(by: 1), "the cursor knows record \(ahead)"),
            (next: firstOfRun, "a run began at record \(firstOfRun)"),
            (next: deadLetter.advanced(by: 1), "there is a dead letter of record \(deadLetter)"),
        ]
        guard let sign = signs.first(where: { $0.next > nextSequence }) else { return nil }
        // Of segments that are lost altogether, what was delivered is not missed.
        let first = entries.isEmpty ? delivered.advanced(by: 1) : nextSequence
        let behindKnown = signs.map(\.next).max() ?? first
        return MissingSegments(first: first, known: max(behindKnown, first), sign: sign.1)
    }

    private func aheadOfSegments(_ missing: MissingSegments) -> SpoolError {
        SpoolError(
            .aheadOfSegments,
            "the spool was rolled back: \(missing.sign), but the segments end at "
                + "\(SequenceNumber(nextSequence.rawValue - 1)); nothing was changed or delivered; put the missing segments "
                + "back, or let 'opslogd spool adopt' say what going on without them means")
    }

    /// Does what the cases say, and makes what is there durable. May be interrupted and done again.
    ///
    /// - Returns: what was found and done, in a sentence.
    func mend(_ diagnostics: Diagnostics) throws(SpoolError) -> String {
        var sentences: [String] = []
        func say(_ sentence: String) {
            sentences.append(sentence)
            diagnostics.warning(sentence)
        }
        if let removed {
            try spooling { () throws(SystemError) in try segments.remove(removed.name) }
            say("\(removed.name) never held a record (\(removed.reason.inWords)) and was removed")
        }
        for finding in findings {
            say(
                "damage: segments/\(SegmentName.of(finding.first)): \(finding.recoveryCase.inWords): \(finding.what)")
        }
        try spooling { () throws(SystemError) in
            if try segments.names().contains(SegmentName.unnamed) { try segments.remove(SegmentName.unnamed) }
        }
        if let scan {
            let name = SegmentName.of(scan.header.firstSequence)
            let file = try spooling { () throws(SystemError) in try segments.open(name, .writing) }
            if scan.tail.isShort {
                // What is written there later may meet a full disk, as any write may.
                try spooling { () throws(SystemError) in try file.truncate(to: scan.header.fileLength) }
            }
            if recoveryCase?.remedy == .cut {
                var torn = TornEnd(disk: disk, name: name, offset: scan.end, end: scan.lastByte)
                if needsSeal { torn.seal = seal(scan) }
                say(try torn.copyAside(file))
                try torn.cut(file)
            }
            if !needsSeal { try spooling { () throws(SystemError) in try rewriteLastGroup(scan, file) } }
        }
        try spooling { () throws(SystemError) in
            try segments.synchronizeDirectory()
            try disk.synchronizeDirectory()
        }
        if let gap {
            say("it goes on at record \(gap.next.rawValue) without the segments that are missing")
        }
        let label = recoveryCase.map { "\($0.inWords); the spool ends at record \(nextSequence.rawValue - 1)" }
        return ([label ?? "a new spool"] + sentences).joined(separator: "; ")
    }

    /// Whether a seal is written where a torn end begins: to be examined again then.
    var needsSeal: Bool {
        guard let scan, recoveryCase?.remedy == .cut else { return false }
        return scan.endsBehindLoss && scan.end + UInt64(2 * FrameHeader.length) <= scan.header.fileLength
    }

    private func seal(_ scan: SegmentScan) -> [UInt8] {
        FrameHeader(
            kind: .seal, firstSequence: scan.nextSequence, run: identity.identity.runs.last?.id ?? .zero,
            chain: scan.chain, latestFilledIn: scan.latestFilledIn, written: scan.lastWritten
        ).bytes(salt: scan.header.salt, offset: scan.end)
    }

    /// What was read may stand in the page cache only, if an earlier sync failed: written again, it is dirty again.
    private func rewriteLastGroup(_ scan: SegmentScan, _ file: Disk.File) throws(SystemError) {
        var bytes = try file.bytes(from: scan.lastGroupOffset, count: Int(scan.end - scan.lastGroupOffset))
        if scan.end + UInt64(FrameHeader.length) <= scan.header.fileLength, !scan.tail.endsWithOwnSeal {
            bytes += [UInt8](repeating: 0, count: FrameHeader.length)
        }
        try file.write(bytes, at: scan.lastGroupOffset)
        try file.synchronize()
    }
}
