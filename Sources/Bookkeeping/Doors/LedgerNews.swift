import OperationLogs

/// How far each lane is at one moment, and how many of its rows were counted as committed by then.
struct LedgerSample: Sendable, Hashable {
    /// By the number of the kind; index 0 is not used.
    var positions = [UInt64](repeating: 0, count: 9)
    var rows = [UInt64](repeating: 0, count: 9)
    var settled: UInt64

    init(_ lanes: [LanePosition], settled: SequenceNumber, rows: (EventKind) -> UInt64) {
        self.settled = settled.rawValue
        for lane in lanes { positions[Int(lane.lane.rawValue)] = lane.position.rawValue }
        for kind in EventKind.allCases { self.rows[Int(kind.rawValue)] = rows(kind) }
    }

    /// Up to here every record of the lane has its fate.
    func fate(_ lane: Int) -> UInt64 { max(positions[lane], settled) }
    /// The last record that this tells something of.
    var reach: UInt64 { max(settled, positions.max() ?? 0) }
}

/// One thing that the ledger heard.
enum LedgerEvent: Sendable, Hashable {
    /// Lanes went on.
    ///
    /// `proven`: those that stand where the database's rows were found to stand: what lies before may have been committed
    /// by an earlier run, or by a COMMIT whose answer was lost, and so may not have been counted.
    case moved(LedgerSample, proven: Set<Int>)
    /// The database was set back.
    case rewound(LedgerSample)
    /// Records up to here, by lane, are left to another history.
    case forked(LedgerSample, counted: [UInt64])

    var reach: UInt64 {
        switch self {
        case .moved(let sample, _), .rewound(let sample): sample.reach
        case .forked(_, let counted): counted.max() ?? 0
        }
    }
}

/// What the ledger heard, in order, since somebody last asked. Does not grow while lanes only go on.
struct LedgerNews: Sendable {
    private(set) var events: [LedgerEvent] = []
    /// The newest; at first, how it was at the start.
    private(set) var sample: LedgerSample
    /// Up to here rejected lines stand in the store, and how many it had counted by then.
    private(set) var lettersMoved: UInt64
    private(set) var lettersCounted: UInt64
    /// Where the database's rows were last found.
    private var found: [Int: UInt64] = [:]

    init(_ sample: LedgerSample, moved: SequenceNumber, letters: UInt64) {
        self.sample = sample
        lettersMoved = moved.rawValue
        lettersCounted = letters
    }

    /// What was heard so far has been taken.
    mutating func begin() { events = [] }

    mutating func moved(_ new: LedgerSample) {
        let proven = Set((1...8).filter { new.positions[$0] > sample.positions[$0] && found[$0] == new.positions[$0] })
        sample = new
        if proven.isEmpty, case .moved(_, let before) = events.last, before.isEmpty { events.removeLast() }
        events.append(.moved(new, proven: proven))
    }

    mutating func rewound(_ new: LedgerSample) {
        sample = new
        events.append(.rewound(new))
    }

    mutating func forked(_ new: LedgerSample, _ counted: [EventKind: SequenceNumber]) {
        sample = new
        found = [:]
        events.append(
            .forked(new, counted: [0] + EventKind.allCases.map { counted[$0]?.rawValue ?? 0 }))
    }

    mutating func found(_ rows: [LanePosition]) {
        for row in rows { found[Int(row.lane.rawValue)] = row.position.rawValue }
    }

    /// Delivery goes on from these rows, also where it tells the ledger only later: what it sends from now on is counted.
    mutating func accepted(_ rows: [LanePosition], counted: (EventKind) -> UInt64) {
        found(rows)
        var new = sample
        var proven: Set<Int> = []
        for row in rows where row.position.rawValue > sample.positions[Int(row.lane.rawValue)] {
            let lane = Int(row.lane.rawValue)
            new.positions[lane] = row.position.rawValue
            new.rows[lane] = counted(row.lane)
            proven.insert(lane)
        }
        guard !proven.isEmpty else { return }
        sample = new
        events.append(.moved(new, proven: proven))
    }

    mutating func movedLetters(upTo sequence: SequenceNumber, counted: UInt64) {
        lettersMoved = max(lettersMoved, sequence.rawValue)
        lettersCounted = counted
    }
}
