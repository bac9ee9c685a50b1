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
        var before: SegmentScan?
        for (index, first) in firsts.enumerated() {
            let following = index + 1 < firsts.count ? firsts[index + 1] : nil
            let scan = try verifySegment(first, following: following, before: before, &result)
            if result.segments == 1, let scan { result.firstSequence = scan.header.firstSequence }
            if let scan { result.lastSequence = SequenceNumber(scan.nextSequence.rawValue - 1) }
            before = scan
        }
        return result
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
            if try firsts().contains(first) { result.add(.damage, path, 0, "its header does not verify") }
            return nil
        }
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
            result.add(
                .damage, path, 0, "the segment \(opened.header.previousFirst) before it is missing",
                before.nextSequence, SequenceNumber(first.rawValue - 1))
        } else if let before, before.tail.endsWithOwnSeal, before.chain != opened.header.chain {
            result.add(.damage, path, 0, "it does not go on where the one before it ends")
        }
        judge(scan, path, following, &result)
        return scan
    }

    /// A daemon may write while this reads: what does not verify counts only if it stays so.
    private func settledScan(_ file: Disk.File, _ header: SegmentHeader) throws(SpoolError) -> SegmentScan {
        var scan = try SegmentScan(file, header)
        for _ in 0..<5 where scan.tail.recoveryCase.remedy != .goOn {
            let again = try SegmentScan(file, header)
            if again.end == scan.end, again.tail == scan.tail { break }
            scan = again
        }
        return scan
    }

    private func judge(
        _ scan: SegmentScan, _ path: String, _ following: SequenceNumber?, _ result: inout SpoolVerification
    ) {
        let found = scan.tail.recoveryCase
        if let following {
            guard found != .whole else { return }
            return result.add(
                .damage, path, scan.end, "a frame does not verify", scan.nextSequence,
                SequenceNumber(following.rawValue - 1))
        }
        switch found {
        case .damageInside:
            result.add(
                .damage, path, scan.end, "a frame does not verify, and what stands behind it does", scan.nextSequence)
        case .tornTail:
            result.add(
                .tornEnd, path, scan.end, "the last group does not verify: torn, or just being written",
                scan.nextSequence)
        default: break
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
