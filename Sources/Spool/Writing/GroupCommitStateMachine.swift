/// Decides what the writer's thread does next: which chunks make a group, when the cursor is saved, what is waited for.
///
/// Values only; all times are monotonic milliseconds.
struct GroupCommitStateMachine: Sendable {
    enum Action: Equatable {
        /// Write the first so many chunks as one group.
        case write(chunks: Int)
        /// The active segment has no room for the next chunk: make one that holds a payload of this size.
        case makeSegment(payload: Int)
        case saveCursor
        /// Nothing to do before a wake-up, or before so many milliseconds have passed.
        case wait(milliseconds: Int?)
        /// Everything is written that can be: seal, save the cursor, end.
        case finish
    }

    struct Situation {
        var now: UInt64
        /// Bytes of payload for which the active segment has room.
        var room: Int
        var isStopping: Bool
        /// Since when the cursor differs from what is on disk; nil if it does not.
        var cursorChangedAt: UInt64?
    }

    static let cursorDelay: UInt64 = 1000
    static let spaceCheckInterval: UInt64 = 1000

    /// A group takes no more chunks beyond this.
    let groupBytes: Int
    /// How long lines are gathered into one group; 0: not at all.
    let gatherMilliseconds: UInt64

    private var gatheringSince: UInt64?
    /// Why the last attempt to make room failed.
    private(set) var shortage: SpaceShortage?
    /// When it is tried again; nil: when a consumer has moved on.
    private var retryAt: UInt64?

    init(groupBytes: Int, gatherMilliseconds: UInt64) {
        self.groupBytes = groupBytes
        self.gatherMilliseconds = gatherMilliseconds
    }

    /// - Parameter queued: the sizes of the chunks that wait, oldest first.
    mutating func next(_ situation: Situation, queued: some Collection<Int>) -> Action {
        let cursorWait = situation.cursorChangedAt.map { changed in
            let due = changed + Self.cursorDelay
            return due > situation.now ? Int(due - situation.now) : 0
        }
        // While space is short the cursor is what frees it, so it is not put off.
        if cursorWait == 0 || shortage != nil && cursorWait != nil {
            retryAt = situation.now
            return .saveCursor
        }
        if shortage != nil {
            guard let retryAt, retryAt <= situation.now else {
                if situation.isStopping { return .finish }
                return .wait(milliseconds: self.retryAt.map { Int($0 - situation.now) })
            }
        }
        guard let first = queued.first else {
            return situation.isStopping ? .finish : .wait(milliseconds: cursorWait)
        }
        if let rest = gatheringRest(situation, queued) { return .wait(milliseconds: min(rest, cursorWait ?? rest)) }
        guard first <= situation.room else { return .makeSegment(payload: first) }
        var chunks = 0
        var bytes = 0
        for size in queued {
            guard chunks == 0 || bytes + size <= min(groupBytes, situation.room) else { break }
            bytes += size
            chunks += 1
        }
        gatheringSince = nil
        return .write(chunks: chunks)
    }

    /// How much longer lines are gathered; nil if the group goes now.
    private mutating func gatheringRest(_ situation: Situation, _ queued: some Collection<Int>) -> Int? {
        guard gatherMilliseconds > 0, !situation.isStopping else { return nil }
        let since = gatheringSince ?? situation.now
        gatheringSince = since
        guard since + gatherMilliseconds > situation.now, queued.reduce(0, +) < groupBytes else { return nil }
        return Int(since + gatherMilliseconds - situation.now)
    }

    /// No room could be made. `maxBytes` ends when a consumer moves on; the others are looked at again each second.
    mutating func spaceRefused(_ reason: SpaceShortage, now: UInt64) {
        shortage = reason
        retryAt = reason == .maxBytes ? nil : now + Self.spaceCheckInterval
    }

    mutating func spaceGranted() {
        shortage = nil
        retryAt = nil
    }
}
