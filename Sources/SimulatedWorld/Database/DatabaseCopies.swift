import Delivery
import OperationLogs

/// What a database can be set back to, and what it was before: backups, standbys, and the state that an operator would
/// look for when a backup was too old.
final class DatabaseCopies {
    private let database: SimulatedDatabase
    private var backups: [SimulatedDatabase.State] = []
    /// Behind each of the last commits, the newest one last.
    private var commits: [SimulatedDatabase.State] = []
    /// Behind the last commit that a synchronous standby has confirmed.
    private var confirmed = SimulatedDatabase.State()
    /// What was lost with the last state that the daemon had worked with; nil once it has worked with the present one.
    private var newest: SimulatedDatabase.State?
    /// Whether the last commit was answered with the warning that it is not replicated.
    private(set) var isUnconfirmed = false
    /// Whether the spool need not hold what the database lacks.
    private(set) var mayLackTooMuch = false

    private static let kept = 40

    init(_ database: SimulatedDatabase) {
        self.database = database
        database.onCommit = { [weak self] in self?.noteCommit() }
    }

    private func noteCommit() {
        newest = nil
        commits.append(database.state)
        if commits.count > Self.kept { commits.removeFirst() }
        isUnconfirmed = database.commitWarning != nil
        if !isUnconfirmed { confirmed = database.state }
    }

    func backUp() {
        backups.append(database.state)
        if backups.count > 3 { backups.removeFirst() }
    }

    /// A backup is restored, the newest one being 0: over the old database, or into a new cluster.
    func restore(_ age: Int, intoNewCluster: Bool) {
        guard age < backups.count else { return }
        setBack(to: backups[backups.count - 1 - age])
        if intoNewCluster {
            database.server.systemIdentifier = (database.server.systemIdentifier ?? 0) + 1
            database.server.timeline = 1
        } else {
            database.server.timeline = (database.server.timeline ?? 0) + 1
        }
        mayLackTooMuch = true
    }

    /// A standby without the last commits becomes the server.
    func promote(lacking count: Int) {
        guard count < commits.count else { return }
        setBack(to: commits[commits.count - 1 - count])
        database.server.timeline = (database.server.timeline ?? 0) + 1
        mayLackTooMuch = true
    }

    /// The synchronous standby becomes the server: what it has not confirmed is gone, and must all be in the spool still.
    func promoteConfirmed() {
        setBack(to: confirmed)
        database.server.timeline = (database.server.timeline ?? 0) + 1
    }

    /// The operator does as he is told where the present state is of no use, and restores the newest one.
    func restoreNewest() {
        guard let state = newest else { return }
        newest = nil
        database.setBack(to: state)
        confirmed = state
    }

    /// Everything has its fate, so that nothing that was lost is missed.
    func forgetLost() { mayLackTooMuch = false }

    private func setBack(to state: SimulatedDatabase.State) {
        newest = newest ?? database.state
        database.setBack(to: state)
        confirmed = state
        commits = commits.filter { state.isAtLeast($0) }
    }
}

extension SimulatedDatabase.State {
    /// Whether no table lacks what was delivered.
    func reaches(_ delivered: [LanePosition], of spool: UniqueID) -> Bool {
        delivered.allSatisfy { rows[spool]?[$0.lane]?.position ?? .zero >= $0.position }
    }

    /// Whether no table stands further in the other one.
    fileprivate func isAtLeast(_ other: SimulatedDatabase.State) -> Bool {
        EventKind.allCases.allSatisfy {
            positions[$0]?.position ?? .zero >= other.positions[$0]?.position ?? .zero
        }
    }
}
