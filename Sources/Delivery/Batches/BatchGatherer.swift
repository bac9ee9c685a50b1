import OperationLogs

/// Reads durable records into batches. Remembers where it stopped, also in the middle of a group, so that a batch that
/// goes on there reads nothing twice; and one that goes back within the group does not ask the spool again.
final class BatchGatherer {
    /// A call looks at no more than this before it returns, so that a stop is heeded in a backlog of other lanes' rows.
    private static let maxScannedBytes = 64 << 20

    private let source: any RecordSource
    private let deadLetters: any DeadLetterSink

    /// The group being read; valid until the source is asked again.
    private var group: RecordGroup?
    private var nextChunk = 0
    private var nextChunkSequence = SequenceNumber.zero
    private var cursor: RecordCursor?
    private var cursorEnd = SequenceNumber.zero
    /// By a record's kind: records up to this number are passed over. The largest number passes all.
    private var thresholds = [UInt64](repeating: .max, count: 256)

    init(source: any RecordSource, deadLetters: any DeadLetterSink) {
        self.source = source
        self.deadLetters = deadLetters
    }

    /// Gathers on from `batch.scannedTo` until the batch is full or nothing durable is left.
    /// - Throws: what the source throws; `MalformedChunk`; `SpoolGap`.
    func fill(_ batch: Batch) throws {
        setThresholds(batch)
        try goTo(batch.scannedTo.advanced(by: 1))
        var scanned = 0
        while !batch.isFull, scanned < Self.maxScannedBytes {
            guard cursor != nil else {
                guard try openNextChunk(batch, &scanned) else { return }
                continue
            }
            try readChunk(into: batch)
        }
    }

    /// Whether the record is known to be lost.
    func isLost(_ sequence: SequenceNumber) -> Bool { source.lastLost(from: sequence) != nil }

    /// Where the record stands in the spool's history; nil if it is not in the spool.
    func origin(of sequence: SequenceNumber) throws -> RecordOrigin? {
        forget()
        return try source.origin(of: sequence)
    }

    /// The first record behind `sequence` that is still kept; nil if none is.
    func firstKept(after sequence: SequenceNumber) throws -> SequenceNumber? {
        forget()
        try source.seek(to: sequence.advanced(by: 1))
        return try source.next().map { max($0.firstSequence, sequence.advanced(by: 1)) }
    }

    /// Calls `body` with one record and the chunk that holds it.
    /// - Returns: nil if the record is not in the spool.
    func withRecord<Result>(_ sequence: SequenceNumber, _ body: (RecordView, ChunkReader) throws -> Result) throws
        -> Result?
    {
        forget()
        try source.seek(to: sequence)
        guard let group = try source.next() else { return nil }
        // What is gathered next stands in it too, most often.
        stand(before: group)
        guard group.holds(sequence) else { return nil }
        var found: Result?
        try group.forEachChunk { chunk in
            guard chunk.firstSequence <= sequence, sequence < chunk.firstSequence.advanced(by: chunk.recordCount) else {
                return
            }
            var records = RecordCursor(chunk)
            while let record = try records.next() {
                if record.sequence == sequence { found = try body(record, chunk) }
            }
        }
        return found
    }

    var durable: SequenceNumber { source.durable }

    private func setThresholds(_ batch: Batch) {
        for index in thresholds.indices { thresholds[index] = 0 }
        thresholds[Int(RecordLayout.rejectedLine)] = .max
        thresholds[Int(RecordLayout.retryNote)] = .max
        for kind in EventKind.allCases { thresholds[Int(kind.rawValue)] = .max }
        for lane in batch.turn.lanes {
            thresholds[Int(lane.lane.rawValue)] = max(lane.fate, batch.scannedTo).rawValue
        }
    }

    /// The source is about to be asked for something else.
    private func forget() {
        group = nil
        cursor = nil
        nextChunkSequence = .zero
    }

    /// Stands before the group's first record. What of it was looked at before is passed over where a batch is filled.
    private func stand(before group: RecordGroup) {
        self.group = group
        nextChunk = 0
        nextChunkSequence = group.firstSequence
        cursor = nil
    }

    /// Makes `sequence` the next record, by what is at hand if it is.
    private func goTo(_ sequence: SequenceNumber) throws {
        if let cursor, cursor.sequence == sequence { return }
        if cursor == nil, nextChunkSequence == sequence { return }
        if let group, group.holds(sequence) { return stand(before: group) }
        forget()
        try source.seek(to: sequence)
        nextChunkSequence = sequence
    }

    /// Opens the next chunk that has records for the turn; false if nothing more is durable.
    private func openNextChunk(_ batch: Batch, _ scanned: inout Int) throws -> Bool {
        if group.map({ nextChunk >= $0.payload.count }) ?? true {
            group = nil
            let next = try source.next()
            if next.map({ $0.firstSequence > nextChunkSequence }) ?? true { passLost(batch) }
            guard let next else { return false }
            guard next.firstSequence <= nextChunkSequence else {
                throw SpoolGap(expected: nextChunkSequence, found: next.firstSequence)
            }
            stand(before: next)
        }
        guard let group else { return false }
        let chunk = try ChunkReader(
            group.payload.part(nextChunk, group.payload.count - nextChunk), firstSequence: nextChunkSequence)
        nextChunk += chunk.bytes.count
        nextChunkSequence = nextChunkSequence.advanced(by: chunk.recordCount)
        scanned += chunk.bytes.count
        var wanted: UInt32 = 0
        for lane in batch.turn.lanes { wanted |= 1 << UInt32(lane.lane.rawValue) }
        if chunk.present & wanted == 0 || nextChunkSequence <= batch.scannedTo.advanced(by: 1) {
            pass(to: nextChunkSequence, batch)
        } else {
            cursor = RecordCursor(chunk)
            cursorEnd = nextChunkSequence
        }
        return true
    }

    /// Records that are known to be lost have their fate.
    private func passLost(_ batch: Batch) {
        guard let last = source.lastLost(from: nextChunkSequence) else { return }
        nextChunkSequence = last.advanced(by: 1)
        pass(to: nextChunkSequence, batch)
    }

    private func pass(to next: SequenceNumber, _ batch: Batch) {
        let last = SequenceNumber(next.rawValue &- 1)
        if last > batch.scannedTo { batch.scannedTo = last }
    }

    private func readChunk(into batch: Batch) throws {
        guard var records = cursor, let origin = group?.origin else { return }
        let asksForRefusals = deadLetters.mayHoldRefusals(
            from: records.sequence, through: SequenceNumber(cursorEnd.rawValue &- 1))
        try thresholds.withUnsafeBufferPointer { thresholds in
            while let record = try records.next() {
                guard record.sequence.rawValue > thresholds[Int(record.kind)] else { continue }
                guard (1...8).contains(record.kind) else { throw UnknownRecordKind(record.sequence, record.kind) }
                if asksForRefusals, deadLetters.holdsRefusal(of: record.sequence) { continue }
                batch.append(record, origin: origin)
                if batch.isFull { break }
            }
        }
        pass(to: records.sequence, batch)
        cursor = records.sequence < cursorEnd ? records : nil
    }
}

/// Records that should be durable are not in the spool: its segments were removed or exchanged.
public struct SpoolGap: Error, CustomStringConvertible {
    public let expected: SequenceNumber
    public let found: SequenceNumber

    public var description: String {
        "the spool has no record \(expected); the next one there is \(found); "
            + "delivery stops so that nothing is passed over: put the missing segments back"
    }
}

/// A record of a kind that this version does not know, and so cannot deliver.
public struct UnknownRecordKind: Error, CustomStringConvertible {
    public let sequence: SequenceNumber
    public let kind: UInt8

    init(_ sequence: SequenceNumber, _ kind: UInt8) {
        self.sequence = sequence
        self.kind = kind
    }

    public var description: String {
        "record \(sequence) is of kind \(kind), which this version does not know: run the version that wrote it"
    }
}
