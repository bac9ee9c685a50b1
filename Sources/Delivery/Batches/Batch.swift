import OperationLogs

/// Rows gathered for one transaction, by lane. Used again and again by one thread, so that its memory is too.
final class Batch {
    /// What a batch holds at most, unless a single row is larger.
    static let maxBytes = 8 << 20
    /// A batch that took more memory than this, for a few very large rows, gives it back.
    private static let keptBytes = 2 * maxBytes

    struct Lane: ~Copyable {
        var tuples = TupleBuffer()
        var rows = 0
        var first = SequenceNumber.zero
        var last = SequenceNumber.zero
        /// Of the group that holds `last`.
        var origin = RecordOrigin(run: .zero, chain: 0)
    }

    private(set) var turn = Turn(lanes: [], from: .zero, rowLimit: 0)
    private(set) var rows = 0
    private(set) var bytes = 0
    /// Every record up to here has been looked at.
    var scannedTo = SequenceNumber.zero
    private(set) var receipts = ReceiptTimes()
    /// The numbers of the watermarks' records.
    private(set) var watermarkSequences: [UInt64] = []

    private var lanes: UnsafeMutableBufferPointer<Lane>

    init() {
        lanes = .allocate(capacity: EventKind.allCases.count + 1)
        for index in lanes.indices { lanes.initializeElement(at: index, to: Lane()) }
    }

    deinit {
        lanes.deinitialize()
        lanes.deallocate()
    }

    /// Empties it for a turn.
    func begin(_ turn: Turn) {
        self.turn = turn
        rows = 0
        bytes = 0
        scannedTo = turn.from
        receipts.clear()
        watermarkSequences.removeAll(keepingCapacity: true)
        let held = lanes.indices.reduce(0) { $0 + lanes[$1].tuples.capacity }
        for index in lanes.indices {
            if held > Self.keptBytes { lanes[index].tuples.release() } else { lanes[index].tuples.clear() }
            lanes[index].rows = 0
        }
    }

    var isFull: Bool { rows >= turn.rowLimit || bytes >= Self.maxBytes }

    /// Adds an event's record; its kind is one of the eight.
    @inline(__always)
    func append(_ record: RecordView, origin: RecordOrigin) {
        let index = Int(record.kind)
        lanes[index].tuples.append(record.payload)
        if lanes[index].rows == 0 { lanes[index].first = record.sequence }
        lanes[index].rows &+= 1
        lanes[index].last = record.sequence
        lanes[index].origin = origin
        rows &+= 1
        bytes &+= record.payload.count
        receipts.add(record.received)
        if record.kind == EventKind.pipelineWatermarks.rawValue { watermarkSequences.append(record.sequence.rawValue) }
    }

    /// The rows of a table; valid until the batch begins anew.
    func tuples(_ kind: EventKind) -> UnsafeRawBufferPointer { lanes[Int(kind.rawValue)].tuples.bytes }
    func rows(_ kind: EventKind) -> Int { lanes[Int(kind.rawValue)].rows }

    /// What the state machine needs to know of it.
    var summary: BatchSummary {
        var shares: [BatchSummary.Share] = []
        for kind in EventKind.allCases where lanes[Int(kind.rawValue)].rows > 0 {
            let index = Int(kind.rawValue)
            shares.append(
                BatchSummary.Share(
                    lane: kind, rows: lanes[index].rows, first: lanes[index].first, last: lanes[index].last,
                    origin: lanes[index].origin))
        }
        return BatchSummary(turn: turn, shares: shares, scannedTo: scannedTo, isFull: isFull)
    }
}
