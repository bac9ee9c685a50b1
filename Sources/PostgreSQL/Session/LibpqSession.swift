import Delivery
import LinuxSystem
import OperationLogs

/// A session with PostgreSQL by libpq, as Delivery drives it.
///
/// It leaves nothing on the server's side between transactions (no settings, no prepared statements), so it works
/// through PgBouncer in transaction pooling. Positions and chains, unsigned here, are kept in BIGINT by their bits.
///
/// Unchecked: one thread calls everything, and only `interrupt()`, which touches nothing but a descriptor that is
/// sendable itself, may come from another.
public final class LibpqSession: DatabaseSession, @unchecked Sendable {
    private let conninfo: String
    private let limits: ConnectionLimits
    private let interruption: EventDescriptor
    private var connection: LibpqConnection?
    /// As the tables were when they were last asked about, on an earlier connection perhaps: a plan that no longer holds shows
    /// when rows come.
    private var plans: [EventKind: ColumnPlan] = [:]

    /// - Parameter conninfo: a libpq connection string or URI; PG* variables, services and .pgpass count as ever.
    /// - Throws: `SystemError` where the process is out of descriptors.
    public init(conninfo: String, limits: ConnectionLimits = ConnectionLimits()) throws(SystemError) {
        self.conninfo = conninfo
        self.limits = limits
        interruption = try EventDescriptor()
    }

    public func connect() throws(DatabaseFailure) -> ServerIdentity {
        connection = nil
        let open = try LibpqConnection(conninfo: conninfo, limits: limits, interruption: interruption)
        let identity = try Self.identity(of: open)
        connection = open
        return identity
    }

    private static func identity(of open: LibpqConnection) throws(DatabaseFailure) -> ServerIdentity {
        let recovery = try open.run(SessionStatements.recovery, [], binaryResult: false)
        var identity = ServerIdentity(
            systemIdentifier: nil, timeline: nil, isInRecovery: recovery.isTrue(0, 0), version: open.serverVersion)
        if recovery.isTrue(0, 1) {
            let answer = try open.run(SessionStatements.identity, [], binaryResult: false)
            identity.systemIdentifier = answer.text(0, 0).flatMap { Int64($0) }.map { UInt64(bitPattern: $0) }
            identity.timeline =
                answer.text(0, 2).flatMap { UInt32($0.prefix(8), radix: 16) }
                ?? answer.text(0, 1).flatMap { UInt32($0) }
        }
        return identity
    }

    public func disconnect() { connection = nil }

    /// One that comes between two calls wakes the next call that has to wait. The connection is gone then.
    public func interrupt() { interruption.signal() }

    /// Runs `body` on the open connection; lets the connection go if it is of no use afterwards.
    func withConnection<Result>(_ body: (LibpqConnection) throws(DatabaseFailure) -> Result)
        throws(DatabaseFailure) -> Result
    {
        guard let open = connection else { throw .connectionLost("there is no connection to the database") }
        do throws(DatabaseFailure) {
            return try body(open)
        } catch {
            if case .server = error, open.isOpen { throw error }
            connection = nil
            throw error
        }
    }

    public func obstacle(of lane: EventKind) throws(DatabaseFailure) -> String? {
        let findings = try findings(TableRequirement.all.filter { [lane.name, "spool_positions"].contains($0.name) })
        let obstacles = findings.filter(\.isObstacle)
        return obstacles.isEmpty ? nil : obstacles.map(\.sentence).joined(separator: "; ")
    }

    public func compareTables() throws(DatabaseFailure) -> [TableRemark] {
        try findings(TableRequirement.all).map { TableRemark(sentence: $0.sentence, isObstacle: $0.isObstacle) }
    }

    /// Compares tables with the catalogue, and takes up how their rows are to be sent.
    func findings(_ tables: [TableRequirement]) throws(DatabaseFailure) -> [SchemaFinding] {
        let catalogue = try inTransaction { (open) throws(DatabaseFailure) in
            try Catalogue.read(tables.map(\.name), over: open)
        }
        for table in tables {
            guard let kind = EventKind(name: table.name) else { continue }
            _ = takePlan(of: kind, table, in: catalogue)
        }
        return SchemaFinding.all(comparing: catalogue, with: tables)
    }

    private func plan(of kind: EventKind) throws(DatabaseFailure) -> ColumnPlan {
        if let plan = plans[kind] { return plan }
        let table = TableRequirement(kind)
        let catalogue = try withConnection { (open) throws(DatabaseFailure) in
            try Catalogue.read([table.name], over: open)
        }
        return takePlan(of: kind, table, in: catalogue)
    }

    /// Makes a plan, and keeps it, but not of a table that is not there: it may be made at any time.
    private func takePlan(of kind: EventKind, _ table: TableRequirement, in catalogue: Catalogue) -> ColumnPlan {
        let plan = ColumnPlan(table, in: catalogue)
        plans[kind] = catalogue.tables[table.name] == nil ? nil : plan
        return plan
    }

    /// Runs `body` in a transaction of its own, which is rolled back, or in the one that is under way.
    func inTransaction<Result>(_ body: (LibpqConnection) throws(DatabaseFailure) -> Result)
        throws(DatabaseFailure) -> Result
    {
        if connection?.isInTransaction == true { return try withConnection(body) }
        try begin()
        let result: Result
        do throws(DatabaseFailure) {
            result = try withConnection(body)
        } catch {
            if connection != nil { try rollback() }
            throw error
        }
        try rollback()
        return result
    }

    public func begin() throws(DatabaseFailure) {
        try withConnection { (open) throws(DatabaseFailure) in
            try open.rollBack()
            do throws(DatabaseFailure) {
                _ = try open.run(SessionStatements.begin(limits))
            } catch {
                guard case .server(var refusal) = error else { throw error }
                if open.isOpen { try open.rollBack() }
                // A server in recovery refuses READ WRITE as a "feature not supported". It is read-only, for as long as
                // it is a standby.
                if refusal.sqlstate == "0A000" { refusal.sqlstate = "25006" }
                throw .server(refusal)
            }
            _ = open.takeWarning()
        }
    }

    public func lockPositions(spool: UniqueID, lanes: [EventKind]) throws(DatabaseFailure) -> [PositionRow] {
        try withConnection { (open) throws(DatabaseFailure) in
            let answer = try open.run(SessionStatements.lockPositions, [.uuid(spool), .lanes(lanes)])
            var rows: [PositionRow] = []
            for row in 0..<answer.rowCount {
                guard let found = PositionRow(answer, row) else { throw Self.otherType("spool_positions") }
                rows.append(found)
            }
            return rows
        }
    }

    public func insertPositions(spool: UniqueID, lanes: [EventKind], host: String, owner: UniqueID)
        throws(DatabaseFailure)
    {
        try withConnection { (open) throws(DatabaseFailure) in
            _ = try open.run(
                SessionStatements.insertPositions,
                [.uuid(spool), .lanes(lanes), .text(host), .uuid(.zero), .uuid(owner)])
        }
    }

    public func takeOwnership(spool: UniqueID, lanes: [EventKind], owner: UniqueID) throws(DatabaseFailure) -> Int {
        try withConnection { (open) throws(DatabaseFailure) in
            try open.run(SessionStatements.takeOwnership, [.uuid(spool), .lanes(lanes), .uuid(owner)]).affectedRows ?? 0
        }
    }

    public func copy(_ kind: EventKind, tuples: UnsafeRawBufferPointer, rows: Int, following: [EventKind])
        throws(DatabaseFailure)
    {
        let plan = try plan(of: kind)
        try plan.refuse(kind)
        // Only tables whose plan is known, and lets rows go; the first other one ends the list.
        let following = Array(following.prefix { plans[$0].map { $0.obstacle == nil } ?? false })
        do throws(DatabaseFailure) {
            try withConnection { (open) throws(DatabaseFailure) in
                try CopyStream.send(
                    kind, tuples: tuples, rows: rows, plan: plan, following: following, over: open)
            }
        } catch {
            guard case .server(let refusal) = error else { throw error }
            if refusal.sqlstate == ColumnPlan.isOutdated { plans[kind] = nil }
            // No row is to blame for what was sent in another type's form.
            if refusal.sqlstate.hasPrefix("22") || refusal.sqlstate == "08P01" { try requireUpToDate(plan, kind) }
            // Nor for a column that was added since, which it cannot fill.
            if refusal.sqlstate == "23502", !kind.columns.contains(where: { $0.name == refusal.column }) {
                try rollback()
                _ = try obstacle(of: kind)
                try self.plan(of: kind).refuse(kind)
            }
            throw error
        }
    }

    /// Ends the transaction that has failed, and asks whether the plan still holds.
    private func requireUpToDate(_ plan: ColumnPlan, _ kind: EventKind) throws(DatabaseFailure) {
        try rollback()
        do throws(DatabaseFailure) {
            try inTransaction { (open) throws(DatabaseFailure) in
                try CopyStream.compare(try open.run(SessionStatements.columnTypes(kind)).last, plan, kind)
            }
        } catch {
            plans[kind] = nil
            throw error
        }
    }

    public func upsert(_ watermarks: [Watermark]) throws(DatabaseFailure) {
        if watermarks.isEmpty { return }
        let plan = try plan(of: .pipelineWatermarks)
        try plan.refuse(.pipelineWatermarks)
        try withConnection { (open) throws(DatabaseFailure) in
            _ = try open.run(
                SessionStatements.upsertWatermarks(columnsInUTC: plan.columnsInUTC),
                [
                    .texts(watermarks.map(\.pipeline)), .timestamps(watermarks.map(\.lastProcessed)),
                    .texts(watermarks.map(\.status)), .timestamps(watermarks.map(\.updatedAt)),
                ])
        }
    }

    /// Constraints are checked immediately ever since `begin()`.
    public func move(spool: UniqueID, owner: UniqueID, _ moves: [PositionMove]) throws(DatabaseFailure) -> Int {
        if moves.isEmpty { return 0 }
        return try withConnection { (open) throws(DatabaseFailure) in
            try open.run(
                SessionStatements.move,
                [
                    .uuid(spool), .uuid(owner), .lanes(moves.map(\.lane)),
                    .int8s(moves.map { Int64(bitPattern: $0.from.rawValue) }),
                    .int8s(moves.map { Int64(bitPattern: $0.to.rawValue) }), .uuids(moves.map(\.origin.run)),
                    .int8s(moves.map { Int64(bitPattern: $0.origin.chain) }),
                ]
            ).affectedRows ?? 0
        }
    }

    public func sendCommit() throws(DatabaseFailure) {
        try withConnection { (open) throws(DatabaseFailure) in
            _ = open.takeWarning()
            try open.send("COMMIT")
        }
    }

    public func awaitCommit() throws(DatabaseFailure) -> CommitAnswer {
        try withConnection { (open) throws(DatabaseFailure) in
            let tag = try open.answers().last?.commandTag
            guard tag == "COMMIT" else {
                // COMMIT of a failed transaction succeeds, as a ROLLBACK.
                throw .server(
                    ServerError(
                        sqlstate: "25P02",
                        message: "COMMIT was answered with \(tag ?? "nothing"): the transaction had failed"))
            }
            return CommitAnswer(warning: open.takeWarning())
        }
    }

    /// Nothing happens without a transaction.
    public func rollback() throws(DatabaseFailure) {
        try withConnection { (open) throws(DatabaseFailure) in try open.rollBack() }
    }
}

extension BinaryParameter {
    static func lanes(_ lanes: [EventKind]) -> BinaryParameter { int2s(lanes.map { Int16($0.rawValue) }) }
}
