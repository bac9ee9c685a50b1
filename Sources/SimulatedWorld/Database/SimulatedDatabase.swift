import Delivery
import OperationLogs

/// A database in memory with transactions, position rows, and whatever can go wrong. It also watches how it is used.
package final class SimulatedDatabase: @unchecked Sendable {
    package struct StoredWatermark: Hashable {
        package var lastProcessed: Int64?
        package var status: String?
        package var updatedAt: Int64?

        package init(lastProcessed: Int64? = nil, status: String? = nil, updatedAt: Int64? = nil) {
            self.lastProcessed = lastProcessed
            self.status = status
            self.updatedAt = updatedAt
        }
    }

    /// Of the table of dead letters.
    struct LetterRow {
        var letter: DeadLetter
        var ending: DeadLetterEnding?
    }

    package struct State {
        package var tables: [EventKind: [[UInt8]]] = [:]
        package var watermarks: [String: StoredWatermark] = [:]
        /// Of the only spool that there is, by id.
        var letters: [UInt64: LetterRow] = [:]
        /// By the name of the spool.
        package var rows: [UniqueID: [EventKind: PositionRow]] = [:]
        /// The name of the first spool that made rows.
        package var first: UniqueID?
        /// Records behind which the rows stand, and that were given up: for the accounts.
        package var absent: [EventKind: Set<UInt64>] = [:]

        /// Of the first spool.
        package var positions: [EventKind: PositionRow] {
            get { first.flatMap { rows[$0] } ?? [:] }
            set { if let first { rows[first] = newValue } }
        }

        package init() {}
    }

    package var state = State()
    package var isUp = true
    /// Who answers.
    package var server = ServerIdentity(systemIdentifier: 1, timeline: 1, isInRecovery: false, version: "15.0")
    /// Another one after each time that the database was set back: no session goes on across that.
    package private(set) var incarnation = 0
    /// Whether somebody has looked at the position rows since.
    package private(set) var isCompared = true
    /// Is told of each commit.
    package var onCommit: () -> Void = {}
    /// Who holds the lanes' position rows.
    private var locks: [EventKind: ObjectIdentifier] = [:]
    package var missing: Set<EventKind> = []
    /// What a comparison of the tables says.
    package var remarks: [TableRemark] = []
    /// An error for a row; nil: it is accepted.
    package var refuse: (EventKind, [UInt8]) -> ServerError? = { _, _ in nil }
    /// Whether the error of a COPY says at which row it was.
    package var namesRows = false
    /// What goes wrong at the next call, which it names.
    package var fault: (Step) -> Fault? = { _ in nil }
    package var commitWarning: String?
    /// What should never be seen of a client.
    package private(set) var violations: [String] = []
    package private(set) var commits = 0
    package private(set) var copiedRows = 0

    package init() {}

    package func violate(_ what: String) { violations.append(what) }
    /// What a transaction made of some lanes is there for all; of the others, it made nothing.
    package func commit(_ working: State, lanes: Set<EventKind>, of spools: Set<UniqueID>) {
        state.first = state.first ?? working.first
        state.take(lanes, of: spools, from: working)
        commits += 1
        onCommit()
    }

    /// Locks the lanes' position rows for a session; false: another one holds some.
    func lock(_ lanes: [EventKind], for session: ObjectIdentifier) -> Bool {
        guard lanes.allSatisfy({ locks[$0] ?? session == session }) else { return false }
        for lane in lanes { locks[lane] = session }
        return true
    }

    func unlock(_ session: ObjectIdentifier) { locks = locks.filter { $0.value != session } }

    /// Another state takes the place of this one: a backup that is restored, a standby that is promoted.
    package func setBack(to other: State) {
        state = other
        incarnation += 1
        isCompared = false
    }

    package func noteCompared() { isCompared = true }
    package func countRows(_ count: Int) { copiedRows += count }

    package enum Step: Hashable {
        case connect, obstacle, begin, lock, insert, own, upsert, move, sendCommit, awaitCommit, rollback, letters
        case copy(EventKind)
    }

    package enum Fault: Hashable {
        /// The connection is lost; what the call was to do has not happened.
        case lostBefore
        /// The connection is lost; what the call was to do has happened.
        case lostAfter
        case timedOut
        case error(ServerError)

        package static func error(_ sqlstate: String, constraint: String? = nil, table: String? = nil) -> Fault {
            .error(ServerError(sqlstate: sqlstate, message: "said \(sqlstate)", table: table, constraint: constraint))
        }
    }
}

extension SimulatedDatabase.State {
    /// Puts these lanes, their rows and positions, in the place of its own.
    mutating func take(_ lanes: some Sequence<EventKind>, of spools: Set<UniqueID>, from other: Self) {
        for lane in lanes {
            tables[lane] = other.tables[lane]
            if lane == .pipelineWatermarks { watermarks = other.watermarks }
            for spool in spools {
                guard let row = other.rows[spool]?[lane] else { continue }
                rows[spool, default: [:]][lane] = row
            }
        }
    }

    /// One watermark event's tuple: pipeline_name, last_processed_ts, status, updated_at.
    package mutating func apply(_ tuple: [UInt8]) {
        let fields = tuple.withUnsafeBytes { EventTuples.fields($0) }
        guard fields.count == 4, let pipeline = fields[0], let updatedAt = fields[3].map(EventTuples.integer) else {
            return
        }
        apply(
            String(decoding: pipeline, as: UTF8.self), lastProcessed: fields[1].map(EventTuples.integer),
            status: fields[2].map { String(decoding: $0, as: UTF8.self) }, updatedAt: updatedAt)
    }

    /// One watermark event, by the rule.
    package mutating func apply(_ name: String, lastProcessed: Int64?, status: String?, updatedAt: Int64) {
        var row = watermarks[name] ?? SimulatedDatabase.StoredWatermark()
        if let current = row.updatedAt, updatedAt < current { return }
        row.lastProcessed = lastProcessed ?? row.lastProcessed
        row.status = status ?? row.status
        row.updatedAt = updatedAt
        watermarks[name] = row
    }
}
