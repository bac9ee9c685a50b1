import OperationLogs

/// What the header of one segment file says, before any of its groups is read.
struct SegmentFacts: Equatable, Sendable {
    var first: SequenceNumber
    var header: SegmentHeader.Reading
    var fileLength: UInt64
    /// Nothing but zeros; looked at only where no header verifies.
    var isBlank = false

    struct Finding: Error, Equatable {
        var recoveryCase: RecoveryCase
        /// Of the file concerned.
        var first: SequenceNumber
        var what: String
    }

    /// Judges all headers, oldest first.
    ///
    /// - Returns: the headers that hold, and the case of the last file if that is to be removed.
    static func judge(
        _ segments: [SegmentFacts], spool: UniqueID
    ) throws(Finding) -> (headers: [SegmentHeader], removed: RecoveryCase?) {
        var headers: [SegmentHeader] = []
        for (index, segment) in segments.enumerated() {
            let isLast = index == segments.count - 1
            func finding(_ found: RecoveryCase, _ what: String) -> Finding {
                Finding(recoveryCase: found, first: segment.first, what: what)
            }
            switch segment.header {
            case .unknownVersion(let major):
                throw finding(.unknownVersion, "format version \(major) is not known")
            case .invalid:
                guard isLast, segment.isBlank else { throw finding(.damageInside, "its header does not verify") }
                return (headers, .segmentWithoutHeader)
            case .valid(let header):
                guard header.spool == spool else {
                    throw finding(.damageInside, "it belongs to another spool, \(header.spool)")
                }
                guard header.firstSequence == segment.first else {
                    if isLast, header.firstSequence < segment.first { return (headers, .segmentOfFormerLife) }
                    throw finding(.damageInside, "its header is that of \(header.firstSequence)")
                }
                guard segment.fileLength >= header.fileLength else {
                    throw finding(
                        .shortFile, "it has \(segment.fileLength) bytes, its header says \(header.fileLength)")
                }
                if let before = headers.last, header.previousFirst != before.firstSequence {
                    throw finding(.missingSegment, "the segment \(header.previousFirst) before it is missing")
                }
                headers.append(header)
            }
        }
        return (headers, nil)
    }
}
