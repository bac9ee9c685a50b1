import OperationLogs

/// What the mover has gathered since its last sync: bounded in bytes and in time.
struct MoverRound {
    /// Every record up to here has been looked at.
    var position: SequenceNumber
    private var entries: [StoreEntry] = []
    private var lineBytes = 0
    /// By the monotonic clock.
    private var startedAt: UInt64 = 0

    /// Lines gathered for one append.
    private let fullBytes: Int
    /// The longest that a gathered letter waits for others while the spool goes on and on.
    static let longestNanoseconds: UInt64 = 200_000_000

    init(position: SequenceNumber = .zero, fullBytes: Int) {
        self.position = position
        self.fullBytes = fullBytes
    }

    var isFull: Bool { lineBytes >= fullBytes || entries.count >= 8192 }

    /// Begins a round.
    mutating func begin(at now: UInt64) { startedAt = now }

    mutating func add(_ record: LetterRecord) {
        switch record {
        case .rejected(let letter):
            entries.append(.letter(letter))
            lineBytes += letter.line.count
        case .retried(let note, let time):
            entries.append(.end(LetterEnd(id: note.letter, fate: .retried(as: note.successor), time: time)))
        }
    }

    /// Whether to settle although more is there, so that neither letters nor the ledger fall behind.
    func isDue(at now: UInt64) -> Bool { now &- startedAt >= Self.longestNanoseconds }

    /// Hands out what was gathered, and begins the next round.
    mutating func take(at now: UInt64) -> [StoreEntry] {
        defer {
            entries = []
            lineBytes = 0
            startedAt = now
        }
        return entries
    }
}
