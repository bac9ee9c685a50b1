import Glibc
import LinuxSystem
import OperationLogs

extension SpoolInspector {
    /// Looks at every checksum and the whole chain.
    ///
    /// - Returns: what was looked at, and everything that was found. Beside a running daemon, segments that are freed
    ///   meanwhile are left out, and the group that is being written may show as a torn end.
    public func verify() throws(SpoolError) -> SpoolVerification {
        var result = SpoolVerification()
        verifySmallFiles(&result)
        let firsts = try firsts()
        let identity = (try? IdentityFile.read(disk))?.identity
        let gaps = identity?.gaps ?? []
        result.acceptedGaps = identity?.accepted ?? []
        if let first = firsts.first, let expected = try? firstUndelivered(), expected < first {
            if !name(gaps, endingAt: first, &result) {
                result.add(
                    .damage, "segments/\(SegmentName.of(expected))", 0, "segments before the first are missing",
                    expected,
                    SequenceNumber(first.rawValue - 1))
            }
        }
        var before: SegmentScan?
        for (index, first) in firsts.enumerated() {
            let following = index + 1 < firsts.count ? firsts[index + 1] : nil
            guard let scan = try verifySegment(first, following: following, before: before, &result) else { continue }
            if before != nil { _ = name(gaps, endingAt: first, &result) }
            if result.segments == 1 { result.firstSequence = scan.header.firstSequence }
            result.lastSequence = SequenceNumber(scan.nextSequence.rawValue - 1)
            before = scan
        }
        return result
    }

    /// - Returns: whether there is such a gap.
    private func name(
        _ gaps: [SpoolGap], endingAt first: SequenceNumber, _ result: inout SpoolVerification
    ) -> Bool {
        guard let gap = gaps.last(where: { $0.next == first }) else { return false }
        result.add(
            .damage, "segments/\(SegmentName.of(gap.first))", 0,
            "segments are missing; since \(gap.time) the spool goes on without them, at record \(gap.next.rawValue)",
            gap.known > gap.first ? gap.first : nil, SequenceNumber(gap.known.rawValue - 1))
        return true
    }

    private func verifySmallFiles(_ result: inout SpoolVerification) {
        do {
            if try identity() == nil { result.add(.damage, IdentityFile<Disk>.name, 0, "it is missing") }
        } catch {
            result.add(.damage, IdentityFile<Disk>.name, 0, "\(error)")
        }
        do {
            if try cursor() == nil { result.add(.damage, CursorFile<Disk.File>.name, 0, "it is missing") }
        } catch {
            result.add(.damage, CursorFile<Disk.File>.name, 0, "\(error)")
        }
    }

    private func verifySegment(
        _ first: SequenceNumber, following: SequenceNumber?, before: SegmentScan?, _ result: inout SpoolVerification
    ) throws(SpoolError) -> SegmentScan? {
        let path = "segments/\(SegmentName.of(first))"
        guard let opened = try open(first) else {
            // A daemon at work may have freed it; else its header does not verify.
            if try firsts().contains(first) {
                result.add(
                    .damage, path, 0, "neither its header nor the copy in it verifies", first,
                    following.map { SequenceNumber($0.rawValue - 1) })
            }
            return nil
        }
        if opened.isHeaderDamaged { result.add(.damage, path, 0, "its header is damaged; the copy in it verifies") }
        let scan: SegmentScan
        do {
            scan = try settledScan(opened.file, opened.header)
        } catch  where error.code == .damaged {
            result.add(.damage, path, 0, error.description)
            return nil
        }
        guard try open(first)?.header.salt == opened.header.salt else { return nil }
        result.segments += 1
        result.bytes += scan.end
        if let before, before.header.firstSequence != opened.header.previousFirst {
            let isThere = try firsts().contains(opened.header.previousFirst)
            if !isThere {
                result.add(
                    .damage, path, 0, "the segment \(opened.header.previousFirst) before it is missing",
                    before.tail.endsWithOwnSeal ? before.nextSequence : opened.header.previousFirst,
                    SequenceNumber(first.rawValue - 1))
            }
        } else if let before, before.tail.endsWithOwnSeal, before.chain != opened.header.chain {
            result.add(.damage, path, 0, "it does not go on where the one before it ends")
        }
        judge(scan, path, following, &result)
        return scan
    }

    /// A daemon may write while this reads: what does not verify counts only if it stays so.
    private func settledScan(_ file: Disk.File, _ header: SegmentHeader) throws(SpoolError) -> SegmentScan {
        var scan = try SegmentScan(file, header)
        for _ in 0..<5 where scan.tail.recoveryCase.remedy != .goOn || !scan.losses.isEmpty {
            let again = try SegmentScan(file, header)
            if again.end == scan.end, again.tail == scan.tail, again.losses == scan.losses { break }
            scan = again
        }
        return scan
    }

    private func judge(
        _ scan: SegmentScan, _ path: String, _ following: SequenceNumber?, _ result: inout SpoolVerification
    ) {
        for loss in scan.losses {
            result.add(
                .damage, path, loss.offset, "\(loss.endOffset - loss.offset) bytes do not verify",
                loss.recordCount > 0 ? loss.first : nil, SequenceNumber(loss.next.rawValue - 1))
        }
        if scan.tail.isShort { result.add(.damage, path, 0, "the file is shorter than its header says") }
        let found = scan.tail.recoveryCase
        if let following {
            guard found != .whole else { return }
            return result.add(
                .damage, path, scan.end, "what stands here up to the end of the segment does not verify",
                scan.nextSequence < following ? scan.nextSequence : nil, SequenceNumber(following.rawValue - 1))
        }
        if found == .tornTail {
            result.add(
                .tornEnd, path, scan.end, "the last group does not verify: torn, or just being written",
                scan.nextSequence)
        }
    }
}

extension SpoolVerification {
    fileprivate mutating func add(
        _ kind: SpoolFinding.Kind, _ path: String, _ offset: UInt64, _ what: String, _ first: SequenceNumber? = nil,
        _ last: SequenceNumber? = nil
    ) {
        findings.append(
            SpoolFinding(
                kind: kind, path: path, offset: offset, what: what, firstSequence: first, lastSequence: last))
    }
}
