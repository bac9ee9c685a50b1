import Delivery
import OperationLogs

/// Sends rows by COPY … (FORMAT binary): header, tuples in pieces, trailer, and the server's count compared.
///
/// The COPYs of several tables are sent as one string. The server begins each as soon as it has the data of the one before,
/// so that only the first costs a round trip of its own.
enum CopyStream {
    /// How much is sent at once. libpq sends whole blocks of 8 KiB by itself, and what is beyond them when it is flushed: in
    /// a call more, and over TCP in a packet more.
    private static let sentBytes = 64 << 10
    /// The type and length of a message.
    private static let messageHead = 5

    /// Signature, flags and length of the extension ("Binary Format" in the documentation of COPY).
    private static let header: [UInt8] =
        Array("PGCOPY\n".utf8) + [0xff, 0x0d, 0x0a, 0x00] + [UInt8](repeating: 0, count: 8)
    private static let trailer: [UInt8] = [0xff, 0xff]

    /// - Parameter following: tables whose COPY is announced with this one's.
    /// - Throws: the server's error, also one that it raised amid the data: what is left of them is sent all the same,
    ///   since it reads and drops them until their end. No COPY is under way or announced then.
    static func send(
        _ kind: EventKind, tuples: UnsafeRawBufferPointer, rows: Int, plan: ColumnPlan, following: [EventKind],
        over connection: LibpqConnection
    ) throws(DatabaseFailure) {
        do throws(DatabaseFailure) {
            try connection.beginCopy(kind, following: following)
            try put(tuples, plan, over: connection)
            try connection.endCopy()
            let taken = try connection.nextOfString()?.affectedRows
            let types = try connection.nextOfString()
            // What the next table is answered with is its own, and read when its rows come.
            if connection.announcedCopies.isEmpty { _ = try connection.answers() }
            try compare(types, plan, kind)
            try compare(taken, rows, kind)
        } catch {
            if case .server = error { try connection.abandonCopies() }
            throw error
        }
    }

    private static func compare(_ taken: Int?, _ rows: Int, _ kind: EventKind) throws(DatabaseFailure) {
        guard taken != rows else { return }
        // No SQLSTATE of a row: every lane's rule for what it does not know is to wait for the operator.
        throw .server(
            ServerError(
                sqlstate: "XX000",
                message:
                    "COPY into operation_logs.\(kind.name) took \(taken ?? 0) of \(rows) rows: a trigger or rule on "
                    + "the table leaves rows out; take it away, or partition the table instead",
                table: kind.name))
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

    /// Header, rows and trailer.
    private static func put(_ tuples: UnsafeRawBufferPointer, _ plan: ColumnPlan, over connection: LibpqConnection)
        throws(DatabaseFailure)
    {
        try connection.put(header)
        if plan.isAsSpooled {
            try put(tuples, over: connection)
        } else {
            var adapted = AdaptedTuples(tuples, plan.encodings)
            while let piece = try adapted.next(ofBytes: sentBytes) {
                try connection.put(piece)
                try connection.flush()
            }
        }
        try connection.put(trailer)
    }

    /// The first piece is sent with the header of the data, the last with what ends them; none leaves a rest.
    private static func put(_ tuples: UnsafeRawBufferPointer, over connection: LibpqConnection)
        throws(DatabaseFailure)
    {
        var at = 0
        var room = sentBytes - (messageHead + header.count)
        while at < tuples.count {
            let piece = min(room - messageHead, tuples.count - at)
            try connection.put(tuples.part(at, piece))
            at += piece
            room = sentBytes
            if at < tuples.count { try connection.flush() }
        }
    }
}
