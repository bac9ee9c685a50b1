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

    package struct State {
        package var tables: [EventKind: [[UInt8]]] = [:]
        package var watermarks: [String: StoredWatermark] = [:]
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
    package var missing: Set<EventKind> = []
    /// What a comparison of the tables says.
    package var remarks: [TableRemark] = []
    /// An error for a row; nil: it is accepted.
    package var refuse: (EventKind, [UInt8]) -> ServerError? = { _, _ in nil }
    /// What goes wrong at the next call, which it names.
    package var fault: (Step) -> Fault? = { _ in nil }
    package var commitWarning: String?
    /// What should never be seen of a client.
    package private(set) var violations: [String] = []
    package private(set) var commits = 0
    package private(set) var copiedRows = 0

    package init() {}

    package func violate(_ what: String) { violations.append(what) }
    package func commit(_ working: State) {
        state = working
        commits += 1
        onCommit()
    }

    /// Another state takes the place of this one: a backup that is restored, a standby that is promoted.
    package func setBack(to other: State) {
        state = other
        incarnation += 1
        isCompared = false
    }

    package func noteCompared() { isCompared = true }
    package func countRows(_ count: Int) { copiedRows += count }

    package enum Step: Hashable {
        case connect, obstacle, begin, lock, insert, own, upsert, move, sendCommit, awaitCommit, rollback
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
