import Synchronization

/// Where an input's thread writes what it is doing, and others read it.
package final class JournalBoard: Sendable {
    private struct State {
        var seen: UInt64?
        var isAtEnd = false
        /// What the spool's damage, and what the journal's state, hold it up for.
        var waits: (damage: String?, trouble: String?)
        var lost: UInt64 = 0
    }

    private let options: JournalInputOptions
    private let state = Mutex(State())

    package init(_ options: JournalInputOptions) {
        self.options = options
    }

    func set(seen: UInt64?, isAtEnd: Bool) {
        state.withLock {
            $0.seen = seen ?? $0.seen
            $0.isAtEnd = isAtEnd
        }
    }
    func setWait(_ reason: String?) { state.withLock { $0.waits.damage = reason } }
    func setTrouble(_ reason: String?) { state.withLock { $0.waits.trouble = reason } }
    func addLost(_ entries: UInt64) { state.withLock { $0.lost += entries } }

    package var status: JournalInputStatus {
        let now = state.withLock { $0 }
        return JournalInputStatus(
            name: options.name, units: options.units, identifiers: options.identifiers, directory: options.directory,
            seenMicroseconds: now.seen, isAtEnd: now.isAtEnd, wait: now.waits.damage ?? now.waits.trouble,
            entriesLost: now.lost)
    }
}
