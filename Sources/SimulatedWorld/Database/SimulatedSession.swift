import Delivery
import OperationLogs

/// A session with it.
package final class SimulatedSession: DatabaseSession, @unchecked Sendable {
    private let database: SimulatedDatabase
    private var isConnected = false
    /// Of the database, when the connection was made.
    private var incarnation = 0
    private var working: SimulatedDatabase.State?
    private var isAborted = false
    private var isCommitting = false
    private var locked: Set<EventKind> = []
    private var touched: Set<EventKind> = []
    private var moved: Set<EventKind> = []
    /// Under which names position rows are looked at or made.
    private var spools: Set<UniqueID> = []
    private var inserted: Set<EventKind> = []
    /// Tables whose rows are to come next, unless the transaction is given up.
    private var announced: [EventKind] = []
    /// Called before each step, also by the worker's own tests.
    package var onStep: (SimulatedDatabase.Step) -> Void = { _ in }

    package init(_ database: SimulatedDatabase) { self.database = database }

    // The process that had it is gone.
    deinit { database.unlock(ObjectIdentifier(self)) }

    package func connect() throws(DatabaseFailure) -> ServerIdentity {
        onStep(.connect)
        guard database.isUp else { throw .connectionLost("connection refused") }
        if let fault = database.fault(.connect) { try fail(fault) }
        isConnected = true
        incarnation = database.incarnation
        clear()
        return database.server
    }

    package func disconnect() { lose() }
    package func interrupt() {}

    package func obstacle(of lane: EventKind) throws(DatabaseFailure) -> String? {
        try call(.obstacle, inTransaction: false) { (_) throws(DatabaseFailure) in }
        return database.missing.contains(lane) ? "table operation_logs.\(lane.name) is missing" : nil
    }

    package func compareTables() -> [TableRemark] { database.remarks }

    package func begin() throws(DatabaseFailure) {
        try call(.begin, inTransaction: false) { (_) throws(DatabaseFailure) in }
        working = database.state
    }

    package func lockPositions(spool: UniqueID, lanes: [EventKind]) throws(DatabaseFailure) -> [PositionRow] {
        if lanes.map(\.rawValue) != lanes.map(\.rawValue).sorted() { database.violate("rows not locked in lane order") }
        var rows: [PositionRow] = []
        try call(.lock) { [database] (state) throws(DatabaseFailure) in
            guard database.lock(lanes, for: ObjectIdentifier(self)) else {
                throw .server(ServerError(sqlstate: "55P03", message: "another session holds the lock"))
            }
            // What others have committed since this transaction began is seen: READ COMMITTED.
            state.take(lanes, of: [spool], from: database.state)
            rows = lanes.compactMap { state.rows[spool]?[$0] }
        }
        locked.formUnion(lanes)
        spools.insert(spool)
        database.noteCompared()
        return rows
    }

    package func insertPositions(spool: UniqueID, lanes: [EventKind], host: String, owner: UniqueID)
        throws(DatabaseFailure)
    {
        inserted.formUnion(lanes)
        spools.insert(spool)
        try call(.insert) { (state) throws(DatabaseFailure) in
            for lane in lanes where state.rows[spool]?[lane] == nil {
                state.first = state.first ?? spool
                state.rows[spool, default: [:]][lane] = PositionRow(
                    lane: lane, position: .zero, run: .zero, chain: 0, owner: owner)
            }
        }
    }

    package func takeOwnership(spool: UniqueID, lanes: [EventKind], owner: UniqueID) throws(DatabaseFailure) -> Int {
        var count = 0
        try call(.own) { (state) throws(DatabaseFailure) in
            for lane in lanes where state.rows[spool]?[lane] != nil {
                state.rows[spool]?[lane]?.owner = owner
                count += 1
            }
        }
        return count
    }

    package func copy(_ kind: EventKind, tuples: UnsafeRawBufferPointer, rows: Int, following: [EventKind])
        throws(DatabaseFailure)
    {
        let new = EventTuples.split(tuples)
        if new.count != rows { database.violate("\(new.count) rows were sent, and \(rows) announced") }
        checkLocked(kind)
        database.countRows(rows)
        try call(.copy(kind)) { [database] (state) throws(DatabaseFailure) in
            try Self.check(database, kind, new)
            state.tables[kind, default: []] += new
        }
        announced = following
    }

    package func upsert(_ watermarks: [Delivery.Watermark]) throws(DatabaseFailure) {
        checkLocked(.pipelineWatermarks)
        let names = watermarks.map { String(decoding: $0.pipeline, as: UTF8.self) }
        if Set(names).count != names.count { database.violate("a pipeline twice in one statement") }
        if names.map({ Array($0.utf8) }) != watermarks.map(\.pipeline).sorted(by: { $0.lexicographicallyPrecedes($1) })
        {
            database.violate("pipelines not in order")
        }
        try call(.upsert) { [database] (state) throws(DatabaseFailure) in
            for (name, new) in zip(names, watermarks) {
                let status = new.status.map { String(decoding: $0, as: UTF8.self) }
                let tuple = EventTuples.watermark(
                    name, lastProcessed: new.lastProcessed?.microseconds, status: status,
                    updatedAt: new.updatedAt.microseconds)
                try Self.check(database, .pipelineWatermarks, [tuple])
                state.apply(
                    name, lastProcessed: new.lastProcessed?.microseconds, status: status,
                    updatedAt: new.updatedAt.microseconds)
            }
        }
    }

    package func move(spool: UniqueID, owner: UniqueID, _ moves: [PositionMove]) throws(DatabaseFailure) -> Int {
        var count = 0
        try call(.move) { (state) throws(DatabaseFailure) in
            for move in moves {
                guard let row = state.rows[spool]?[move.lane], row.position == move.from, row.owner == owner else {
                    continue
                }
                state.rows[spool]?[move.lane] = PositionRow(
                    lane: move.lane, position: move.to, run: move.origin.run, chain: move.origin.chain, owner: owner)
                count += 1
            }
        }
        moved.formUnion(moves.map(\.lane))
        return count
    }

    package func sendCommit() throws(DatabaseFailure) {
        if !touched.isSubset(of: moved) { database.violate("rows are committed without their position") }
        if let next = announced.first { database.violate("COMMIT came instead of \(next.name)") }
        if let fault = database.fault(.sendCommit) {
            if fault == .lostAfter { apply() }
            try fail(fault)
        }
        onStep(.sendCommit)
        guard isConnected, isSameServer, working != nil else { throw .connectionLost("no transaction to commit") }
        isCommitting = true
    }

    package func awaitCommit() throws(DatabaseFailure) -> CommitAnswer {
        onStep(.awaitCommit)
        guard isConnected, isSameServer, isCommitting else { throw .connectionLost("no answer to wait for") }
        if let fault = database.fault(.awaitCommit) {
            if fault == .lostAfter { apply() }
            try fail(fault)
        }
        apply()
        clear()
        return CommitAnswer(warning: database.commitWarning)
    }

    package func rollback() throws(DatabaseFailure) {
        onStep(.rollback)
        guard isConnected, isSameServer, database.isUp else {
            lose()
            throw .connectionLost("no connection")
        }
        if let fault = database.fault(.rollback) { try fail(fault) }
        clear()
    }

    // MARK: Its insides

    private var isSameServer: Bool { incarnation == database.incarnation }

    private static func check(_ database: SimulatedDatabase, _ kind: EventKind, _ rows: [[UInt8]])
        throws(DatabaseFailure)
    {
        if database.missing.contains(kind) {
            throw .server(ServerError(sqlstate: "42P01", message: "relation \(kind.name) does not exist"))
        }
        for (index, row) in rows.enumerated() {
            guard var error = database.refuse(kind, row) else { continue }
            if database.namesRows { error.row = index + 1 }
            throw .server(error)
        }
    }

    private func checkLocked(_ kind: EventKind) {
        if !locked.contains(kind) { database.violate("\(kind.name) is written before its position was compared") }
        touched.insert(kind)
    }

    private func call(
        _ step: SimulatedDatabase.Step, inTransaction: Bool = true,
        _ body: (inout SimulatedDatabase.State) throws(DatabaseFailure) -> Void
    ) throws(DatabaseFailure) {
        onStep(step)
        guard isConnected, isSameServer, database.isUp else {
            lose()
            throw .connectionLost("no connection")
        }
        if inTransaction, isAborted || working == nil {
            database.violate("\(step) outside a transaction, or in one that has failed")
        }
        if let next = announced.first, step != .copy(next) { database.violate("\(step) came instead of \(next.name)") }
        announced = []
        if !inTransaction, working != nil { database.violate("\(step) within a transaction") }
        if let fault = database.fault(step) { try fail(fault) }
        var state = working ?? database.state
        do throws(DatabaseFailure) {
            try body(&state)
        } catch {
            isAborted = true
            throw error
        }
        if inTransaction { working = state }
    }

    private func fail(_ fault: SimulatedDatabase.Fault) throws(DatabaseFailure) {
        switch fault {
        case .lostBefore, .lostAfter:
            lose()
            throw .connectionLost("the server closed the connection")
        case .timedOut:
            lose()
            throw .timedOut("no answer")
        case .error(let error):
            isAborted = true
            throw .server(error)
        }
    }

    private func apply() {
        guard let working, isSameServer else { return }
        database.commit(working, lanes: locked.union(inserted), of: spools)
    }

    private func clear() {
        working = nil
        isAborted = false
        isCommitting = false
        locked = []
        touched = []
        moved = []
        spools = []
        inserted = []
        announced = []
        database.unlock(ObjectIdentifier(self))
    }

    private func lose() {
        isConnected = false
        clear()
    }
}
