import OperationLogs
import PostgreSQL
import Testing

@testable import Delivery

/// Each row of the table of SQLSTATEs, by what a real server raises.
struct SQLSTATETableTests {
    static let raised =
        RaisedState.ofRows + RaisedState.ofTriggers + RaisedState.ofCatalogue + RaisedState.ofSessions
        + RaisedState.ofServers

    /// Rows that no server here raises, and why.
    static let notRaised = [
        "transaction resolution unknown": "no code of the server's raises 08007: only poolers and gateways might",
        "statement completion unknown": "no code of the server's raises 40003: only poolers and gateways might",
        "crash shutdown": "57P02 comes as a warning before the connection ends, or to others: a lost connection",
        "transaction timeout": "transaction_timeout exists since PostgreSQL 17: see the test of its own",
    ]

    /// What is expected of each label, apart from the table itself.
    private static func expectation(_ label: String) -> FailureMeaning? {
        (SQLSTATECase.table + others).first { $0.label == label }?.meaning
    }

    private static let others = [SQLSTATECase.anythingElse, .raisedAsPassing]

    private static func check(_ sample: RaisedState, _ failure: DatabaseFailure) {
        #expect(failure.state == sample.state, "\(failure)")
        switch failure {
        case .server(let error):
            let row = SQLSTATECase.of(error, lane: sample.lane)
            #expect(row.label == sample.label, "\(error)")
            // A table that can be told is held or tried again alone.
            if sample.lane != nil, row.meaning != .rowsFault, !Self.ofTheWholeServer.contains(row.label) {
                #expect(row.concernsOneTable, "\(row.label)")
            }
        case .connectionLost(let words):
            // CONTEXT carries users' data.
            #expect(!words.contains("PL/pgSQL") && !words.contains("COPY"), "\(words)")
            // The connection's end is tried again whatever its words are; the table agrees.
            #expect(expectation(sample.label) == .passing)
        case .timedOut, .interrupted: Issue.record("\(failure)")
        }
    }

    private static let ofTheWholeServer: Set = [
        "insufficient resources", "out of memory", "server I/O error", "transaction rollback", "admin shutdown",
    ]

    @Test(arguments: raised.filter { !RaisedState.ofServers.map(\.how).contains($0.how) })
    func `a state that a real server raises means what its row says`(sample: RaisedState) throws {
        Self.check(sample, try sample.provoke())
    }

    @Test(arguments: RaisedState.ofServers)
    func `a state that a server in trouble raises means what its row says`(sample: RaisedState) throws {
        Self.check(sample, try sample.provoke())
    }

    @Test func `every row of the table is raised by a real server, or it is said why not`() {
        let labels = Set(SQLSTATECase.table.map(\.label) + Self.others.map(\.label))
        let raised = Set(Self.raised.map(\.label))
        #expect(raised.isDisjoint(with: Self.notRaised.keys))
        #expect(raised.union(Self.notRaised.keys) == labels)
    }

    @Test func `25P04 passes, where the server has a transaction_timeout`() throws {
        let database = try TestDatabase()
        guard
            try database.run("SHOW server_version_num").first?.first.flatMap({ $0 }).flatMap({ Int($0) }) ?? 0
                >= 170_000
        else { return }
        let role = try RoleTests.minimalRole(database)
        try database.run("ALTER ROLE \(role) SET transaction_timeout = 100")
        let session = try database.session(user: role)
        try session.begin()
        try database.awaitEnd()
        #expect(try RaisedState.caught { try session.write(.castErrors) }.state == "25P04")
    }

    @Test func `a trigger on the position rows is no fault of a row`() throws {
        let database = try TestDatabase()
        try database.run(RaisedState.trigger("RAISE EXCEPTION 'no'", on: "spool_positions", "UPDATE"))
        let session = try database.session()
        let spool = UniqueID.random()
        try session.begin()
        try session.insertPositions(spool: spool, lanes: [.castErrors], host: "h", owner: spool)
        try session.write(.castErrors)
        let error = try serverError {
            let origin = RecordOrigin(run: spool, chain: 1)
            _ = try session.move(
                spool: spool, owner: spool,
                [PositionMove(lane: .castErrors, from: .zero, to: SequenceNumber(1), origin: origin)])
        }
        #expect(error.isRaised && error.table == nil)
    }
}
