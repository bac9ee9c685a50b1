import Delivery
import OperationLogs

/// Sends rows by COPY … (FORMAT binary): header, tuples in pieces, trailer, and the server's count compared.
enum CopyStream {
    /// What one message of COPY data carries at most.
    static let pieceBytes = 64 << 10

    /// Signature, flags and length of the extension ("Binary Format" in the documentation of COPY).
    private static let header: [UInt8] =
        Array("PGCOPY\n".utf8) + [0xff, 0x0d, 0x0a, 0x00] + [UInt8](repeating: 0, count: 8)
    private static let trailer: [UInt8] = [0xff, 0xff]

    /// - Throws: the server's error, also one that it raised amid the data: what is left of them is sent all the same,
    ///   since it reads and drops them until their end.
    static func send(
        _ kind: EventKind, tuples: UnsafeRawBufferPointer, rows: Int, plan: ColumnPlan,
        over connection: LibpqConnection
    ) throws(DatabaseFailure) {
        _ = try connection.run(SessionStatements.copy(kind))
        try put(header, over: connection)
        if plan.isAsSpooled {
            try put(tuples, over: connection)
        } else {
            var adapted = AdaptedTuples(tuples, plan.encodings)
            while let piece = try adapted.next(ofBytes: pieceBytes) { try put(piece, over: connection) }
        }
        try put(trailer, over: connection)
        try connection.endCopy()
        let answers = try connection.answers()
        try compare(answers.last, plan, kind)
        let taken = answers.first?.affectedRows
        guard taken == rows else {
            // No SQLSTATE of a row: every lane's rule for what it does not know is to wait for the operator.
            throw .server(
                ServerError(
                    sqlstate: "XX000",
                    message:
                        "COPY into operation_logs.\(kind.name) took \(taken ?? 0) of \(rows) rows: a trigger or rule on "
                        + "the table leaves rows out; take it away, or partition the table instead",
                    table: kind.name))
        }
    }

    /// - Throws: if the columns have other types than the plan was made for: the rows may have been taken for something
    ///   else. They are sent again by a new plan.
    static func compare(_ answer: ServerAnswer?, _ plan: ColumnPlan, _ kind: EventKind) throws(DatabaseFailure) {
        guard answer?.columnTypes != plan.typeNumbers else { return }
        throw .server(
            ServerError(
                sqlstate: ColumnPlan.isOutdated, message: "the columns of operation_logs.\(kind.name) were altered",
                table: kind.name))
    }

    private static func put(_ bytes: UnsafeRawBufferPointer, over connection: LibpqConnection) throws(DatabaseFailure) {
        var at = 0
        while at < bytes.count {
            let end = min(at + pieceBytes, bytes.count)
            try connection.put(UnsafeRawBufferPointer(rebasing: bytes[at..<end]))
            at = end
        }
    }

    private static func put(_ bytes: [UInt8], over connection: LibpqConnection) throws(DatabaseFailure) {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        defer { copy.deallocate() }
        copy.copyBytes(from: bytes)
        try connection.put(UnsafeRawBufferPointer(copy))
    }
}
