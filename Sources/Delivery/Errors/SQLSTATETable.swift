/// What each SQLSTATE means. Rows that are exceptions stand before the class that they are taken from.
extension SQLSTATECase {
    public static let table: [SQLSTATECase] = [
        transactionResolutionUnknown, statementCompletionUnknown,
        protocolViolation, connectionException,
        outOfMemory, insufficientResources,
        queryCanceled, adminShutdown, crashShutdown, cannotConnectNow, databaseDropped, idleSessionTimeout,
        transactionRollback,
        lockNotAvailable, objectInUse,
        readOnlyTransaction, idleInTransactionTimeout, transactionTimeout,
        ioError,
        badCopyFormat, badBinaryFormat, dataException,
        missingPartition, serialKeyTaken, integrityConstraint,
        programLimit, statementTooComplex, raisedByTrigger,
        syntaxOrAccess, authorization, noSuchDatabase, noSuchSchema, featureNotSupported, dataCorrupted, indexCorrupted,
    ]

    // MARK: Outcome unknown

    /// 08007: the server cannot say how the transaction ended.
    static let transactionResolutionUnknown = SQLSTATECase(
        "transaction resolution unknown", .code("08007"), .outcomeUnknown)
    /// 40003: the same, of a statement.
    static let statementCompletionUnknown = SQLSTATECase(
        "statement completion unknown", .code("40003"), .outcomeUnknown)

    // MARK: Passing

    /// 08P01 as an answer to COPY data: a column is of another type, and its receive function ran out of bytes. PgBouncer
    /// gives all its own troubles this state (no server for it, a wait that took too long): those pass.
    static let protocolViolation = SQLSTATECase(
        "protocol violation", .code("08P01"), when: .ofTable, .operators, concernsOneTable: true,
        remedy: "compare the types of the table's columns with `opslogd schema print`")
    /// 08*: no connection, or it broke. As an answer to a statement on a table it is that of a foreign table, behind the
    /// server: ours lives.
    static let connectionException = SQLSTATECase(
        "connection exception", .everyCodeOfClass("08"), .passing, concernsOneTable: true)
    /// 53200: a smaller batch needs less.
    static let outOfMemory = SQLSTATECase("out of memory", .code("53200"), .passing, asksForSmallerBatch: true)
    /// 53*: disk full, too many connections.
    static let insufficientResources = SQLSTATECase("insufficient resources", .everyCodeOfClass("53"), .passing)
    /// 57014: statement timeout, or an administrator's cancel.
    static let queryCanceled = SQLSTATECase(
        "query canceled", .code("57014"), .passing, asksForSmallerBatch: true, concernsOneTable: true)
    /// 57P01: the server is being shut down, or the backend was terminated.
    static let adminShutdown = SQLSTATECase("admin shutdown", .code("57P01"), .passing)
    /// 57P02: another backend crashed.
    static let crashShutdown = SQLSTATECase("crash shutdown", .code("57P02"), .passing)
    /// 57P03: the server is starting, stopping or recovering.
    static let cannotConnectNow = SQLSTATECase("cannot connect now", .code("57P03"), .passing)
    /// 57P04: the database was dropped; one of the same name may come.
    static let databaseDropped = SQLSTATECase("database dropped", .code("57P04"), .passing)
    /// 57P05: the server ended an idle session.
    static let idleSessionTimeout = SQLSTATECase("idle session timeout", .code("57P05"), .passing)
    /// 40*: serialization failure, deadlock.
    static let transactionRollback = SQLSTATECase("transaction rollback", .everyCodeOfClass("40"), .passing)
    /// 55P03: somebody holds a lock; with a smaller batch our own are held shorter.
    static let lockNotAvailable = SQLSTATECase(
        "lock not available", .code("55P03"), .passing, asksForSmallerBatch: true, concernsOneTable: true)
    /// 55006: somebody uses the object.
    static let objectInUse = SQLSTATECase("object in use", .code("55006"), .passing, concernsOneTable: true)
    /// 25006: a standby, which may be promoted.
    static let readOnlyTransaction = SQLSTATECase("read-only transaction", .code("25006"), .passing)
    /// 25P03: the transaction waited too long between statements.
    static let idleInTransactionTimeout = SQLSTATECase("idle in transaction timeout", .code("25P03"), .passing)
    /// 25P04: the transaction took too long.
    static let transactionTimeout = SQLSTATECase(
        "transaction timeout", .code("25P04"), .passing, asksForSmallerBatch: true)
    /// 58030: the server's disk reports an error.
    static let ioError = SQLSTATECase("server I/O error", .code("58030"), .passing)

    // MARK: The row's fault, and the operator's errors that look like it

    /// 22P04: the number of columns is not what was named: no row is to blame.
    static let badCopyFormat = SQLSTATECase(
        "bad COPY file format", .code("22P04"), .operators, concernsOneTable: true,
        remedy: "run `opslogd check --database`")
    /// 22P03: a column is of another type, whose receive function left bytes over: no row is to blame.
    static let badBinaryFormat = SQLSTATECase(
        "incorrect binary data format", .code("22P03"), .operators, concernsOneTable: true,
        remedy: "compare the types of the table's columns with `opslogd schema print`")
    /// 22*: a value that the column cannot hold.
    static let dataException = SQLSTATECase("data exception", .everyCodeOfClass("22"), .rowsFault)
    /// 23514 without a constraint's name is no CHECK: the table is partitioned, and no partition takes the row.
    static let missingPartition = SQLSTATECase(
        "no partition for the row", .code("23514"), when: .withoutConstraintName, .operators, concernsOneTable: true,
        remedy: "create the partition that the row needs")
    /// 23505 on a serial key: its sequence fell behind, in a restore or after rows were put in by hand.
    static let serialKeyTaken = SQLSTATECase(
        "serial key already taken", .code("23505"), when: .onSerialKey, .operators, concernsOneTable: true,
        remedy: "set the key's sequence beyond the table's largest key with setval()")
    /// 23*: a constraint that the row breaks.
    static let integrityConstraint = SQLSTATECase("constraint violation", .everyCodeOfClass("23"), .rowsFault)
    /// 54000: the row is too large, also for an index.
    static let programLimit = SQLSTATECase("program limit exceeded", .code("54000"), .rowsFault)
    /// 54001: nested too deep for the server's stack.
    static let statementTooComplex = SQLSTATECase("stack depth exceeded", .code("54001"), .rowsFault)
    /// P0*: RAISE in a trigger; P0001 where it names no state, and any other where it does.
    static let raisedByTrigger = SQLSTATECase("raised by a trigger", .everyCodeOfClass("P0"), .rowsFault)

    // MARK: The operator's

    /// 42*: no such table or column, no privilege.
    static let syntaxOrAccess = SQLSTATECase(
        "missing table, column or privilege", .everyCodeOfClass("42"), .operators, concernsOneTable: true,
        remedy: "run `opslogd check --database`, and `opslogd schema apply` if something is missing")
    /// 28*: wrong password, or no entry in pg_hba.conf.
    static let authorization = SQLSTATECase(
        "not authorized", .everyCodeOfClass("28"), .operators,
        remedy: "mend the password or the server's pg_hba.conf")
    /// 3D000: the database does not exist.
    static let noSuchDatabase = SQLSTATECase(
        "no such database", .code("3D000"), .operators, remedy: "create it, or mend database.conninfo")
    /// 3F000: the schema does not exist.
    static let noSuchSchema = SQLSTATECase(
        "no such schema", .code("3F000"), .operators, concernsOneTable: true, remedy: "run `opslogd schema apply`")
    /// 0A000: COPY into a table with row-level security, or into a view.
    static let featureNotSupported = SQLSTATECase(
        "not supported for this table", .code("0A000"), .operators, concernsOneTable: true,
        remedy: "lift row-level security for this role, or make the table an ordinary one")
    /// XX001: the server found damage in the table.
    static let dataCorrupted = SQLSTATECase(
        "table corrupted", .code("XX001"), .operators, concernsOneTable: true, remedy: "repair the table")
    /// XX002: the server found damage in an index.
    static let indexCorrupted = SQLSTATECase(
        "index corrupted", .code("XX002"), .operators, concernsOneTable: true, remedy: "REINDEX the table")

    // MARK: The rest

    /// A trigger's RAISE with a state that says to try again.
    static let raisedAsPassing = SQLSTATECase(
        "raised by a trigger, to be tried again", .everyCodeOfClass(""), .passing, concernsOneTable: true)
    /// A state that is not in the table: held, so that nothing is dropped for want of knowledge.
    static let anythingElse = SQLSTATECase(
        "anything else", .everyCodeOfClass(""), .unclassified, concernsOneTable: true,
        remedy: "look at the server's log")
}
