import CLibpq
import Delivery
import OperationLogs

/// One result of the server, freed with this object.
final class ServerAnswer {
    private let result: OpaquePointer

    /// Takes the result over.
    init(owning result: OpaquePointer) {
        self.result = result
    }

    deinit { PQclear(result) }

    var status: ExecStatusType { PQresultStatus(result) }
    var isFailure: Bool {
        status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE || status == PGRES_NONFATAL_ERROR
    }

    /// What the command says of itself: `COMMIT`, `COPY 12`.
    var commandTag: String { String(cString: PQcmdStatus(result)) }
    /// The rows that the command concerned, by its tag; nil if the tag has no number.
    var affectedRows: Int? { Int(String(cString: PQcmdTuples(result))) }

    var rowCount: Int { Int(PQntuples(result)) }
    var columnCount: Int { Int(PQnfields(result)) }

    /// The numbers of the columns' types in `pg_type`; of a domain, that of the type it stands on.
    var columnTypes: [UInt32] { (0..<columnCount).map { PQftype(result, Int32($0)) } }

    /// A value's bytes, valid as long as this answer; nil for NULL.
    func bytes(_ row: Int, _ column: Int) -> UnsafeRawBufferPointer? {
        guard PQgetisnull(result, Int32(row), Int32(column)) == 0 else { return nil }
        return UnsafeRawBufferPointer(
            start: PQgetvalue(result, Int32(row), Int32(column)),
            count: Int(PQgetlength(result, Int32(row), Int32(column))))
    }

    /// A value in text format.
    func text(_ row: Int, _ column: Int) -> String? {
        bytes(row, column).map { String(decoding: $0, as: UTF8.self) }
    }

    /// A boolean in text format; NULL is false.
    func isTrue(_ row: Int, _ column: Int) -> Bool { text(row, column) == "t" }

    var error: ServerError { Self.error(of: result) }

    /// The fields of an error or a notice; never DETAIL and CONTEXT, which carry users' data.
    static func error(of result: OpaquePointer) -> ServerError {
        func field(_ code: Character) -> String? {
            guard let value = PQresultErrorField(result, Int32(code.asciiValue ?? 0)) else { return nil }
            return String(cString: value)
        }
        // The letters are those of the protocol, "Error and Notice Message Fields". R is the routine in the server's source
        // that reported the error: of RAISE and ASSERT in PL/pgSQL it is always one of these, whatever the state and the
        // language of the messages. An error that the server itself meets within a trigger has another.
        let isRaised = ["exec_stmt_raise", "exec_stmt_assert"].contains(field("R"))
        return ServerError(
            sqlstate: field("C") ?? "", message: field("M") ?? "", table: field("t"), column: field("c"),
            constraint: field("n"), isRaised: isRaised, row: field("W").flatMap(copiedRow))
    }

    /// The number behind the table's name in the outermost line of CONTEXT: `COPY cast_errors, line 17, column symbol`,
    /// in whatever language. Nothing else of it is looked at.
    static func copiedRow(in context: String) -> Int? {
        guard let line = context.split(separator: "\n").last else { return nil }
        for kind in EventKind.allCases {
            guard let name = line.firstRange(of: kind.name) else { continue }
            let digits = line[name.upperBound...].drop { !("0"..."9").contains($0) }.prefix { ("0"..."9").contains($0) }
            return Int(digits)
        }
        return nil
    }
}
