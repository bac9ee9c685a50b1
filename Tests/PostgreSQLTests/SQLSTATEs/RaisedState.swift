import OperationLogs
import PostgreSQL
import Testing

@testable import Delivery

/// A state that a real server raises, and the row of the table that must say what it means.
struct RaisedState: Sendable, CustomTestStringConvertible {
    /// Of the table's row.
    let label: String
    let state: String
    /// What is done to raise it.
    let how: String
    /// The table that is being written.
    var lane: EventKind?
    /// Provokes it, and gives what the session threw.
    let provoke: @Sendable () throws -> DatabaseFailure

    var testDescription: String { "\(state), \(how)" }

    init(
        _ label: String, _ state: String, _ how: String, lane: EventKind? = nil,
        provoke: @escaping @Sendable () throws -> DatabaseFailure
    ) {
        self.label = label
        self.state = state
        self.how = how
        self.lane = lane
        self.provoke = provoke
    }

    /// Rows of one table are refused by a database that statements of the superuser have prepared.
    static func ofRows(
        _ label: String, _ state: String, _ how: String, _ kind: EventKind = .castErrors, _ preparation: String = "",
        tuples: Tuples? = nil, limits: ConnectionLimits = ConnectionLimits()
    ) -> RaisedState {
        RaisedState(label, state, how, lane: kind) {
            let database = try TestDatabase()
            if !preparation.isEmpty { try database.run(preparation) }
            let session = try database.session(limits: limits)
            try session.begin()
            let failure = try caught { try session.write(kind, tuples) }
            // The session goes on, as the state machine does behind every error of the server's.
            try session.rollback()
            try session.begin()
            try session.rollback()
            return failure
        }
    }

    /// Triggers on `cast_errors`: `body` of a PL/pgSQL function.
    static func ofTrigger(_ label: String, _ state: String, _ how: String, _ body: String) -> RaisedState {
        ofRows(label, state, how, .castErrors, trigger(body))
    }

    static func trigger(_ body: String, on table: String = "cast_errors", _ event: String = "INSERT") -> String {
        """
        CREATE FUNCTION public.act() RETURNS trigger LANGUAGE plpgsql AS $act$
            DECLARE found BIGINT; BEGIN \(body); RETURN NEW; END $act$;
        CREATE TRIGGER act BEFORE \(event) ON operation_logs.\(table) FOR EACH ROW EXECUTE FUNCTION public.act()
        """
    }

    /// What `body` must throw.
    static func caught(_ body: () throws -> Void) throws -> DatabaseFailure {
        do {
            try body()
        } catch let failure as DatabaseFailure {
            return failure
        }
        throw SharedServer.Failure(words: "nothing was thrown")
    }
}

extension LibpqSession {
    /// One row, or those that are given.
    func write(_ kind: EventKind, _ tuples: Tuples? = nil) throws {
        if kind == .pipelineWatermarks { return try upsert([RaisedState.watermark("p")]) }
        var one = Tuples()
        if let row = CopyTests.rows.first(where: { $0.0 == kind }) { one.add(row.1) }
        try copy(kind, tuples ?? one)
    }
}

extension RaisedState {
    static func watermark(_ pipeline: String) -> Watermark {
        Watermark(
            sequence: .zero, pipeline: Array(pipeline.utf8), lastProcessed: nil, status: nil,
            updatedAt: Timestamp(microseconds: 0))
    }

    static func castError(_ value: Tuples.Value, detail: Tuples.Value = .null, time: Int64 = 0) -> Tuples {
        var tuples = Tuples()
        tuples.add([value, .text("price"), .text("x"), .text("numeric"), detail, .time(time)])
        return tuples
    }

    /// What a record damaged in memory would be: a table of other types gets no row in a form that it does not take.
    static func concurrencyIssue(pid: Tuples.Value) -> Tuples {
        var tuples = Tuples()
        tuples.add([.text("t"), .text("l"), pid, .null, .time(0)])
        return tuples
    }

    static func dedupConflict(json: String) -> Tuples {
        var tuples = Tuples()
        tuples.add([.text("A"), .time(0), .json(json), .null, .null, .time(0)])
        return tuples
    }
}
