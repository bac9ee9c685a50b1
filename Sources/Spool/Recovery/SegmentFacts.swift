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

    /// What the headers say together.
    struct Judgement: Equatable {
        /// Those that hold, and a stand-in for each segment whose header is lost: nothing verifies under its salt.
        var headers: [SegmentHeader] = []
        /// The case of the last file if that is to be removed.
        var removed: RecoveryCase?
        /// Damage that does not keep the spool from going on.
        var findings: [Finding] = []
    }

    /// Judges all headers, oldest first.
    ///
    /// - Throws: the finding that stops a start.
    static func judge(_ segments: [SegmentFacts], spool: UniqueID) throws(Finding) -> Judgement {
        var judgement = Judgement()
        for (index, segment) in segments.enumerated() {
            let isLast = index == segments.count - 1
            func finding(_ found: RecoveryCase, _ what: String) -> Finding {
                Finding(recoveryCase: found, first: segment.first, what: what)
            }
            switch segment.header {
            case .unknownVersion(let major):
                throw finding(.unknownVersion, "format version \(major) is not known")
            case .invalid:
                if isLast, segment.isBlank {
                    judgement.removed = .segmentWithoutHeader
                    return judgement
                }
                // What a last segment held cannot be told, nor where the numbers go on.
                guard !isLast else { throw finding(.headerLost, "neither its header nor the copy in it verifies") }
                judgement.findings.append(finding(.damageInside, "neither its header nor the copy in it verifies"))
                judgement.headers.append(.standIn(segment, spool: spool, after: judgement.headers.last))
            case .damaged(let header):
                judgement.findings.append(finding(.damageInside, "its header is damaged; the copy in it is used"))
                try segment.take(header, spool, isLast, &judgement)
            case .valid(let header):
                if isLast, header.spool == spool, header.firstSequence < segment.first {
                    judgement.removed = .segmentOfFormerLife
                    return judgement
                }
                try segment.take(header, spool, isLast, &judgement)
            }
        }
        return judgement
    }

    private func take(
        _ header: SegmentHeader, _ spool: UniqueID, _ isLast: Bool, _ judgement: inout Judgement
    ) throws(Finding) {
        func finding(_ found: RecoveryCase, _ what: String) -> Finding {
            Finding(recoveryCase: found, first: first, what: what)
        }
        guard header.spool == spool else { throw finding(.headerLost, "it belongs to another spool, \(header.spool)") }
        guard header.firstSequence == first else {
            throw finding(.headerLost, "its header is that of \(header.firstSequence)")
        }
        if fileLength < header.fileLength {
            judgement.findings.append(
                finding(.shortFile, "it has \(fileLength) bytes, its header says \(header.fileLength)"))
        }
        if let before = judgement.headers.last, header.previousFirst != before.firstSequence {
            judgement.findings.append(
                finding(.missingSegment, "the segment \(header.previousFirst) before it is missing"))
        }
        judgement.headers.append(header)
    }
}

extension SegmentHeader {
    /// For a segment that cannot be read, so that it is passed over and freed in its turn.
    fileprivate static func standIn(_ facts: SegmentFacts, spool: UniqueID, after before: SegmentHeader?) -> Self {
        // A random salt, which nobody can have written frames for.
        SegmentHeader(
            salt: .random(), spool: spool, firstSequence: facts.first, chain: 0,
            made: before?.made ?? .init(microseconds: 0),
            fileLength: facts.fileLength, previousFirst: before?.firstSequence ?? .zero, previousSeal: 0, run: .zero,
            isRecycled: true)
    }
}
