/// What to do with one followed file: decided here, done by ``FileTailer``.
///
/// Times are nanoseconds of a monotonic clock. A file is *ready* while there may be bytes behind its position, then *at
/// its end* until something says that it may have grown. A file that lost its name is read on: as long as its writer
/// writes to it, and until it has been quiet for long enough to be let go.
struct TailStateMachine: Sendable, Hashable {
    struct Timings: Sendable, Hashable {
        /// How long a file is held back that may be the copy of another.
        var holdBack: UInt64
        /// How long a rotated file must be quiet before its last line counts as ended.
        var quiet: UInt64
        /// How long a rotated file must be quiet before its descriptor is closed.
        var grace: UInt64
    }

    enum Standing: Sendable, Hashable {
        /// It has the name under which it is read.
        case named
        /// Rotated: it has another name in a watched directory.
        case renamed
        /// No name of it is known: deleted, or moved out of sight.
        case gone
    }

    enum Phase: Sendable, Hashable {
        /// Its beginning equals all that was read of another file: a copy, perhaps.
        case held(until: UInt64)
        case ready
        case atEnd
        /// Nothing more comes of it.
        case finished
    }

    enum Event: Sendable, Hashable {
        case mayHaveGrown
        /// A read found other bytes before the position than were read there, or the position behind the end.
        case foundOtherContent
        /// A read found the same bytes before the position.
        /// - Parameters:
        ///   - grew: whether there were bytes that were not there before.
        ///   - leavesUnfinishedLine: whether bytes without a line's end are left.
        ///   - reachedEnd: whether there is nothing more now.
        case read(grew: Bool, leavesUnfinishedLine: Bool, reachedEnd: Bool)
        case standing(Standing)
        /// It looks like the copy of another file; anew while it still grows into one.
        case looksLikeCopy
        /// It is no copy, or it is known where to read on in it.
        case released
        case timePassed
    }

    enum Action: Sendable, Hashable {
        case nothing
        /// The file's content is new: forget the position, read from 0.
        case startAgain
        /// What is left is a last line: it has no end, and none will come.
        case finishLine
        /// The file is followed by its name from here on.
        case closeDescriptor
        /// Let it go, with its position.
        case forget
    }

    private(set) var phase = Phase.ready
    private(set) var standing: Standing
    private(set) var hasUnfinishedLine = false
    private var lastGrowth: UInt64
    private var holdsDescriptor = true
    private let timings: Timings

    init(standing: Standing, now: UInt64, timings: Timings) {
        self.standing = standing
        self.timings = timings
        lastGrowth = now
    }

    var isReady: Bool { phase == .ready }
    var isAtEnd: Bool { phase == .atEnd }
    var isHeld: Bool { if case .held = phase { true } else { false } }

    /// When `timePassed` should be told next; nil if no time matters.
    var deadline: UInt64? {
        switch phase {
        case .held(let until): return until
        case .ready, .finished: return nil
        case .atEnd:
            guard standing != .named else { return nil }
            if hasUnfinishedLine { return lastGrowth + timings.quiet }
            return standing == .gone || holdsDescriptor ? lastGrowth + timings.grace : nil
        }
    }

    mutating func event(_ event: Event, now: UInt64) -> Action {
        switch event {
        case .mayHaveGrown:
            if phase == .atEnd { phase = .ready }
            return .nothing
        case .foundOtherContent:
            phase = .ready
            hasUnfinishedLine = false
            holdsDescriptor = true
            lastGrowth = now
            return .startAgain
        case .read(let grew, let leavesUnfinishedLine, let reachedEnd):
            guard phase != .finished else { return .nothing }
            if grew { lastGrowth = now }
            holdsDescriptor = true
            hasUnfinishedLine = leavesUnfinishedLine
            phase = reachedEnd ? .atEnd : .ready
            return due(now)
        case .standing(let changed):
            guard changed != standing else { return .nothing }
            standing = changed
            // What was written up to now is read before the quiet time counts.
            lastGrowth = now
            if phase == .atEnd { phase = .ready }
            return .nothing
        case .looksLikeCopy:
            phase = .held(until: now + timings.holdBack)
            return .nothing
        case .released:
            if isHeld { phase = .ready }
            return .nothing
        case .timePassed:
            if phase == .atEnd, standing == .gone, !hasUnfinishedLine, let deadline, now >= deadline {
                // It may have grown since the last read, and that is not known yet: the next one lets it go.
                phase = .ready
                return .nothing
            }
            return due(now)
        }
    }

    private mutating func due(_ now: UInt64) -> Action {
        guard let deadline, now >= deadline else { return .nothing }
        if isHeld {
            phase = .ready
            return .nothing
        }
        if hasUnfinishedLine {
            hasUnfinishedLine = false
            return .finishLine
        }
        if standing == .gone {
            phase = .finished
            return .forget
        }
        holdsDescriptor = false
        return .closeDescriptor
    }
}
