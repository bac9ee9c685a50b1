import Delivery
import LinuxSystem
import OperationLogs

/// The rows of an event file as batches that are ready to be sent: what PostgreSQL can take if nothing else is to be done.
struct ReadyBatches {
    struct Batch {
        /// COPY tuples by table, without header and trailer.
        var tuples: [EventKind: [UInt8]] = [:]
        var rows: [EventKind: Int] = [:]
        /// The newest of each pipeline.
        var watermarks: [[UInt8]: Watermark] = [:]
    }

    private(set) var batches: [Batch] = []
    private(set) var events = 0

    /// - Parameter size: events a batch, as the daemon's `delivery.batch_events`.
    init(file: String, size: Int) throws {
        let text = try EventFile.read(file)
        var encoder = LineEncoder(
            LineEncoder.Options(
                maxLineBytes: 1 << 20, maxFutureMicroseconds: 86_400_000_000, counting: .bytes,
                takesControlLines: false,
                reportsRejections: false),
            watermarkClock: WatermarkClock(notBefore: Timestamp(microseconds: .min)))
        let builder = ChunkBuilder(expectedBytes: RecordLayout.fullChunk)
        let received = Timestamp(unixMicroseconds: SystemTime().realtimeMicroseconds())
        var batch = Batch()
        var inBatch = 0
        try text.withUnsafeBytes { bytes in
            var at = 0
            while at < bytes.count {
                at +=
                    encoder.encode(
                        UnsafeRawBufferPointer(rebasing: bytes[at...]), offset: UInt64(at), originator: 0,
                        received: received,
                        into: builder
                    ).consumed
                let chunk = builder.close(ticket: 0, receipt: nil)
                try ChunkReader(chunk.bytes, firstSequence: SequenceNumber(UInt64(events + 1))).forEachRecord {
                    record in
                    guard let kind = EventKind(rawValue: record.kind) else { return }
                    batch.add(record, kind)
                    events += 1
                    inBatch += 1
                    if inBatch == size {
                        batches.append(batch)
                        batch = Batch()
                        inBatch = 0
                    }
                }
            }
        }
        if inBatch > 0 { batches.append(batch) }
    }

    /// Sends all batches, a transaction each.
    func send(through session: some DatabaseSession) throws {
        for batch in batches {
            try session.begin()
            let copied = EventKind.allCases.filter { batch.tuples[$0] != nil }
            for (index, kind) in copied.enumerated() {
                guard let tuples = batch.tuples[kind], let rows = batch.rows[kind] else { continue }
                try tuples.withUnsafeBytes {
                    try session.copy(kind, tuples: $0, rows: rows, following: Array(copied[(index + 1)...]))
                }
            }
            if !batch.watermarks.isEmpty {
                try session.upsert(
                    batch.watermarks.values.sorted { $0.pipeline.lexicographicallyPrecedes($1.pipeline) })
            }
            try session.sendCommit()
            _ = try session.awaitCommit()
        }
    }
}

extension ReadyBatches.Batch {
    fileprivate mutating func add(_ record: RecordView, _ kind: EventKind) {
        guard kind == .pipelineWatermarks else {
            tuples[kind, default: []].append(contentsOf: record.payload)
            rows[kind, default: 0] += 1
            return
        }
        guard let tuple = try? EventTuple(record), let event = WatermarkEvent(tuple), let updatedAt = event.updatedAt
        else {
            return
        }
        let watermark = Watermark(
            sequence: record.sequence, pipeline: Array(event.pipeline.utf8), lastProcessed: event.lastProcessed,
            status: event.status.map { Array($0.utf8) }, updatedAt: updatedAt)
        if let known = watermarks[watermark.pipeline], known.updatedAt > watermark.updatedAt { return }
        watermarks[watermark.pipeline] = watermark
    }
}
