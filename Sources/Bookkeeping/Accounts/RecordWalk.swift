import OperationLogs

/// Goes through a stretch of the spool chunk by chunk, and says what of it is not there. Owned by one thread.
struct RecordWalk {
    enum Absence {
        /// Damaged on the disk, and named so.
        case lost
        /// Everything had its fate, and the segment was let go.
        case freed
        /// Nobody knows why.
        case unnamed
    }

    let source: any RecordSource
    /// The first record that the spool still keeps.
    let firstKept: @Sendable () -> SequenceNumber

    /// - Parameters:
    ///   - maxBytes: after so many it returns, behind a whole group.
    ///   - absent: is told of records that are not there: the first, and how many.
    ///   - body: takes each chunk that has a record in the stretch.
    /// - Returns: up to which record it came; less than `last` where it was enough, or nothing more is there yet.
    func forEachChunk(
        after first: UInt64, through last: UInt64, maxBytes: Int = .max,
        absent: (Absence, UInt64, Int) throws -> Void, _ body: (ChunkReader) throws -> Void
    ) throws -> UInt64 {
        guard last > first else { return first }
        var next = first + 1
        var bytes = 0
        try source.seek(to: SequenceNumber(next))
        while next <= last, bytes < maxBytes {
            guard let group = try source.next() else {
                guard let lost = source.lastLost(from: SequenceNumber(next)) else { break }
                let end = min(lost.rawValue, last)
                try absent(.lost, next, Int(clamping: end - next + 1))
                next = end + 1
                continue
            }
            if group.firstSequence.rawValue > next {
                let end = min(group.firstSequence.rawValue - 1, last)
                try tellAbsent(next, end, absent)
                next = end + 1
                if next > last { break }
            }
            try group.forEachChunk { chunk in
                let end = chunk.firstSequence.rawValue + UInt64(chunk.recordCount)
                if chunk.recordCount > 0, end > next, chunk.firstSequence.rawValue <= last { try body(chunk) }
            }
            bytes += group.payload.count
            next = min(group.lastSequence.rawValue, last) + 1
        }
        return next - 1
    }

    private func tellAbsent(
        _ first: UInt64, _ last: UInt64, _ absent: (Absence, UInt64, Int) throws -> Void
    ) throws {
        var next = first
        while next <= last {
            var end = last
            var absence = Absence.unnamed
            if let lost = source.lastLost(from: SequenceNumber(next)) {
                absence = .lost
                end = min(lost.rawValue, last)
            } else if case let kept = firstKept().rawValue, kept > next {
                absence = .freed
                end = min(kept - 1, last)
            }
            try absent(absence, next, Int(clamping: end - next + 1))
            next = end + 1
        }
    }
}
