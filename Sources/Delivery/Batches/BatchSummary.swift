import OperationLogs

/// What is to be gathered next: which lanes, from where, and how much of it.
public struct Turn: Sendable, Hashable {
    /// A lane, and the last of its records that already has its fate.
    public struct Lane: Sendable, Hashable {
        public var lane: EventKind
        public var fate: SequenceNumber

        public init(lane: EventKind, fate: SequenceNumber) {
            self.lane = lane
            self.fate = fate
        }
    }

    public var lanes: [Lane]
    /// Records up to here need not be looked at: the lowest fate of the lanes.
    public var from: SequenceNumber
    public var rowLimit: Int

    public init(lanes: [Lane], from: SequenceNumber, rowLimit: Int) {
        self.lanes = lanes
        self.from = from
        self.rowLimit = rowLimit
    }
}

/// What was gathered, without the rows themselves.
public struct BatchSummary: Sendable, Hashable {
    /// The rows of one lane.
    public struct Share: Sendable, Hashable {
        public var lane: EventKind
        public var rows: Int
        public var first: SequenceNumber
        public var last: SequenceNumber
        /// Of the group that holds `last`.
        public var origin: RecordOrigin

        public init(
            lane: EventKind, rows: Int, first: SequenceNumber, last: SequenceNumber, origin: RecordOrigin
        ) {
            self.lane = lane
            self.rows = rows
            self.first = first
            self.last = last
            self.origin = origin
        }
    }

    public var turn: Turn
    /// In lane order, none without rows.
    public var shares: [Share]
    /// Every record of the turn's lanes up to here is in the batch or has its fate.
    public var scannedTo: SequenceNumber
    /// Whether the batch ended at its bounds rather than at the end of what is durable.
    public var isFull: Bool

    public init(turn: Turn, shares: [Share], scannedTo: SequenceNumber, isFull: Bool) {
        self.turn = turn
        self.shares = shares
        self.scannedTo = scannedTo
        self.isFull = isFull
    }

    public var rows: Int { shares.reduce(0) { $0 + $1.rows } }

    /// Whose rows go by COPY, in the order in which they are sent; watermarks are merged into what is there.
    var copied: [EventKind] { shares.map(\.lane).filter { $0 != .pipelineWatermarks } }
}
