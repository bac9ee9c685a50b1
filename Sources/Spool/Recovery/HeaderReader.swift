import LinuxSystem
import OperationLogs

/// Reads each segment's header, and the seal that the next header names: a page or two a segment, however large.
struct HeaderReader<Disk: Storage> {
    let segments: Disk
    let firsts: [SequenceNumber]
    let spool: UniqueID

    struct Reading {
        var entries: [SegmentEntry]
        var removed: (name: String, reason: RecoveryCase)?
        /// Damage that does not keep the spool from going on.
        var findings: [SegmentFacts.Finding]
    }

    func read() throws(SpoolError) -> Reading {
        var facts: [SegmentFacts] = []
        for first in firsts { facts.append(try self.facts(first, isLast: first == firsts.last)) }
        let judged: SegmentFacts.Judgement
        do {
            judged = try SegmentFacts.judge(facts, spool: spool)
        } catch {
            throw Self.error(error)
        }
        let headers = judged.headers
        // A file that never held a record follows a sealed one, which is then read as the last.
        var reading = Reading(
            entries: headers.map { SegmentEntry(header: $0, lastWritten: $0.made) },
            removed: judged.removed.map { (SegmentName.of(firsts[firsts.count - 1]), $0) }, findings: judged.findings)
        for index in headers.indices.dropLast() {
            if let finding = try close(&reading.entries[index], before: headers[index + 1]) {
                reading.findings.append(finding)
            }
        }
        return reading
    }

    static func error(_ finding: SegmentFacts.Finding) -> SpoolError {
        let path = "segments/\(SegmentName.of(finding.first))"
        if finding.recoveryCase == .unknownVersion {
            return SpoolError(
                .unknownVersion,
                "\(path): \(finding.what) to this version; nothing was changed; run the version of opslogd that wrote "
                    + "it")
        }
        return .damaged(path, offset: 0, finding.what)
    }

    private func facts(_ first: SequenceNumber, isLast: Bool) throws(SpoolError) -> SegmentFacts {
        let name = SegmentName.of(first)
        return try spooling { () throws(SystemError) in
            let file = try segments.open(name, .reading)
            let bytes = try file.bytes(from: 0, count: SegmentHeader.length)
            let header = bytes.withUnsafeBytes { SegmentHeader.read($0, named: first) }
            let length = try file.length()
            var facts = SegmentFacts(first: first, header: header, fileLength: length)
            // A file gets its name with a header's room at least: a shorter one was cut.
            if header == .invalid, isLast, length >= SegmentHeader.length { facts.isBlank = try isBlank(file, length) }
            return facts
        }
    }

    private func isBlank(_ file: Disk.File, _ length: UInt64) throws(SystemError) -> Bool {
        var at: UInt64 = 0
        while at < length {
            let bytes = try file.bytes(from: at, count: 1 << 20)
            if bytes.isEmpty || !bytes.withUnsafeBytes({ $0.isAllZeros }) { return bytes.isEmpty }
            at += UInt64(bytes.count)
        }
        return true
    }

    /// Looks at the seal of a segment that is not the last.
    ///
    /// - Returns: what is wrong with it, if the spool can go on.
    private func close(
        _ entry: inout SegmentEntry, before next: SegmentHeader
    ) throws(SpoolError) -> SegmentFacts.Finding? {
        let header = entry.header
        entry.next = next.firstSequence
        // Of a segment before one that is lost nothing is known.
        guard next.previousFirst == header.firstSequence, next.previousSeal > 0 else { return nil }
        let bytes = try spooling { () throws(SystemError) in
            try segments.open(entry.name, .reading).bytes(from: next.previousSeal, count: FrameHeader.length)
        }
        guard let seal = bytes.withUnsafeBytes({ FrameHeader($0, salt: header.salt, offset: next.previousSeal) }),
            seal.kind == .seal, seal.endsSegment
        else {
            return SegmentFacts.Finding(
                recoveryCase: .unsealedSegment, first: entry.first,
                what: "it is not the last, and has no seal at \(next.previousSeal)")
        }
        guard seal.firstSequence == next.firstSequence, seal.chain == next.chain else {
            throw .damaged(
                "segments/\(entry.name)", offset: next.previousSeal,
                "the next segment does not go on where this one ends")
        }
        entry.sealOffset = next.previousSeal
        entry.lastWritten = seal.written
        return nil
    }
}
