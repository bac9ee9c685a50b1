/// Decides what is said about a shortage of space. Values only; times are monotonic milliseconds.
///
/// While a backlog drains from a full spool, room comes and goes with every segment: that is one trouble, with one line at
/// its beginning and one when it has stayed away.
struct SpaceTrouble: Sendable {
    enum Remark: Equatable {
        case short
        /// It has come back soon after it was over; until it stays away nothing more is said.
        case shortAgain
        case over
    }

    /// How long room must stay for a trouble that has come back to be over.
    static let calm: UInt64 = 60_000

    private enum State {
        case none
        case said
        /// - grantedAt: since when there is room; nil while there is none.
        case returned(grantedAt: UInt64?)
    }

    private var state = State.none
    private var lastOver: UInt64?

    /// There is no room.
    mutating func refused(now: UInt64) -> Remark? {
        switch state {
        case .none:
            guard let lastOver, now < lastOver + Self.calm else {
                state = .said
                return .short
            }
            state = .returned(grantedAt: nil)
            return .shortAgain
        case .said:
            return nil
        case .returned:
            state = .returned(grantedAt: nil)
            return nil
        }
    }

    /// There is room.
    mutating func granted(now: UInt64) -> Remark? {
        switch state {
        case .none:
            return nil
        case .said:
            break
        case .returned(let grantedAt):
            let since = grantedAt ?? now
            guard now >= since + Self.calm else {
                state = .returned(grantedAt: since)
                return nil
            }
        }
        state = .none
        lastOver = now
        return .over
    }
}
