/// When a journal is opened, read, looked at again, and when what is known of it is noted: decided here, done by
/// ``JournalTailer``.
///
/// Times are nanoseconds of a monotonic clock. One thing is under way at a time; what is due later has a deadline.
struct JournalStateMachine: Sendable, Hashable {
    struct Timings: Sendable, Hashable {
        /// When a journal that cannot be read is tried again, and one of which files are left out.
        var retry: UInt64
        /// The same of one that is not there.
        var absent: UInt64
        /// How long the rest of a cut line may take.
        var unfinished: UInt64
        /// How often the position is noted that no line has moved.
        var position: UInt64
    }

    enum Phase: Sendable, Hashable {
        /// Not open; to be opened at that time.
        case closed(until: UInt64)
        /// There may be entries behind the last one.
        case ready
        case atEnd
    }

    enum Event: Sendable, Hashable {
        /// - Parameter leavesOut: whether there are files that cannot be read.
        case opened(leavesOut: Bool)
        /// - Parameter isAbsent: whether there was nothing to open.
        case failed(isAbsent: Bool)
        /// Entries were seen of which no line was taken: the position in the spool is behind.
        case passedEntries
        /// The position was handed over.
        case noted
        /// - Parameter oldestPart: when the last part was seen of the cut line that waits longest; nil if none waits.
        case reachedEnd(oldestPart: UInt64?)
        case mayHaveGrown
        case filesChanged
        case timePassed
    }

    enum Action: Sendable, Hashable {
        case nothing
        case open
        /// Close it, open it anew, and go on behind the last entry that was seen.
        case reopen
        /// Hand the position over, though no line goes with it.
        case note
        /// The rest of cut lines has not come.
        case endUnfinishedLines
    }

    private(set) var phase: Phase
    private var lookAgainAt: UInt64?
    private var noteAt: UInt64?
    private var oldestPart: UInt64?
    private let timings: Timings

    init(now: UInt64, timings: Timings) {
        phase = .closed(until: now)
        self.timings = timings
    }

    var isReady: Bool { phase == .ready }
    var isOpen: Bool { if case .closed = phase { false } else { true } }

    /// When `timePassed` should be told next; nil if no time matters.
    var deadline: UInt64? {
        switch phase {
        case .closed(let until): until
        case .ready: nil
        case .atEnd: [lookAgainAt, noteAt, unfinishedUntil].compactMap { $0 }.min()
        }
    }

    private var unfinishedUntil: UInt64? { oldestPart.map { $0 + timings.unfinished } }

    mutating func event(_ event: Event, now: UInt64) -> Action {
        switch event {
        case .opened(let leavesOut):
            phase = .ready
            lookAgainAt = leavesOut ? now + timings.retry : nil
            return .nothing
        case .failed(let isAbsent):
            phase = .closed(until: now + (isAbsent ? timings.absent : timings.retry))
            return .nothing
        case .passedEntries:
            if noteAt == nil { noteAt = now + timings.position }
            return due(now)
        case .noted:
            noteAt = nil
            return .nothing
        case .reachedEnd(let oldestPart):
            self.oldestPart = oldestPart
            if phase == .ready { phase = .atEnd }
            return .nothing
        case .mayHaveGrown:
            if phase == .atEnd { phase = .ready }
            return .nothing
        case .filesChanged:
            return isOpen ? .reopen : .nothing
        case .timePassed:
            return due(now)
        }
    }

    private mutating func due(_ now: UInt64) -> Action {
        if case .closed(let until) = phase { return now >= until ? .open : .nothing }
        if let time = noteAt, now >= time {
            noteAt = nil
            return .note
        }
        // Only at the end is it known that nothing more has come.
        guard phase == .atEnd else { return .nothing }
        if let time = unfinishedUntil, now >= time {
            oldestPart = nil
            return .endUnfinishedLines
        }
        if let time = lookAgainAt, now >= time {
            lookAgainAt = nil
            return .reopen
        }
        return .nothing
    }
}
