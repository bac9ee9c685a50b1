import Delivery
import LinuxSystem

/// The SQL of `sql/`, embedded in the binary, and what there is to do with it.
public enum Schema {
    /// Schema, tables and indexes as their users gave them.
    public static let seed = String(decoding: PackageResources.seed_sql, as: UTF8.self)
    /// The table in which delivery keeps its positions.
    public static let positions = String(decoding: PackageResources.spool_positions_sql, as: UTF8.self)
    /// The table in which dead letters can be watched.
    public static let deadLetters = String(decoding: PackageResources.dead_letters_sql, as: UTF8.self)
    /// All of it, as `psql` takes it for an empty database.
    public static var sql: String { seed + "\n" + positions + "\n" + deadLetters }

    /// The version that this program applies. Every change of what `apply` makes raises it.
    public static let version = 2

    /// For `apply`: a missing index on a table that is already large takes its time.
    public static let patience = ConnectionLimits(statementMilliseconds: 3_600_000, answerMilliseconds: 3_660_000)

    /// Makes what is missing, in one transaction: all of it, or nothing. What is there already is left as it is.
    ///
    /// It may run beside itself, and again at any time.
    /// - Returns: every object of the schema in the order of the SQL, and whether it was made now.
    public static func apply(conninfo: String, limits: ConnectionLimits = patience)
        throws(SchemaProblem) -> [AppliedObject]
    {
        let session = try open(conninfo, limits)
        let outcome: SchemaApplication.Outcome
        do throws(DatabaseFailure) {
            try session.begin()
            outcome = try session.withConnection { (open) throws(DatabaseFailure) in
                try SchemaApplication.run(over: open)
            }
            try session.sendCommit()
            _ = try session.awaitCommit()
        } catch {
            throw SchemaProblem(error)
        }
        switch outcome {
        case .applied(let objects): return objects
        case .newer(let found):
            throw SchemaProblem.doesNotFit(
                "the database holds version \(found) of opslogd's schema, and this opslogd knows \(version): "
                    + "use the newer opslogd")
        }
    }

    /// Compares the database with what delivery needs, as the role of the connection.
    ///
    /// - Parameter showsDeadLetters: whether dead letters also go to their table.
    /// - Returns: no obstacles if every kind of event can be delivered.
    public static func check(
        conninfo: String, showsDeadLetters: Bool = false, limits: ConnectionLimits = ConnectionLimits()
    ) throws(SchemaProblem) -> [SchemaFinding] {
        let session = try open(conninfo, limits)
        do throws(DatabaseFailure) {
            return try session.findings(TableRequirement.all + (showsDeadLetters ? [.deadLetters] : []))
        } catch {
            throw SchemaProblem(error)
        }
    }

    private static func open(_ conninfo: String, _ limits: ConnectionLimits) throws(SchemaProblem) -> LibpqSession {
        let session: LibpqSession
        do throws(SystemError) {
            session = try LibpqSession(conninfo: conninfo, limits: limits)
        } catch {
            throw SchemaProblem(error)
        }
        do throws(DatabaseFailure) {
            _ = try session.connect()
        } catch {
            throw SchemaProblem(error)
        }
        return session
    }
}

/// An object of the schema after `Schema.apply`.
public struct AppliedObject: Sendable, Hashable {
    /// `schema operation_logs`, `table operation_logs.backup_logs`, `index operation_logs.idx_dq_symbol_ts`.
    public var name: String
    /// False: it was there already.
    public var isNew: Bool
}
