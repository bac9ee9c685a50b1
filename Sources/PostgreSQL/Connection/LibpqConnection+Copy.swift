import CLibpq
import Delivery
import Glibc
import OperationLogs

extension LibpqConnection {
    /// Has the server begin COPY into a table.
    ///
    /// - Parameter following: announced with it, unless it was announced itself: the server goes on to them by itself. It
    ///   answers to one table's rows only when it has begun the next.
    func beginCopy(_ kind: EventKind, following: [EventKind]) throws(DatabaseFailure) {
        if announcedCopies.first == kind {
            announcedCopies.removeFirst()
        } else {
            try send(SessionStatements.copy([kind] + following))
            announcedCopies = following
        }
        _ = try nextOfString()
    }

    /// Hands a piece of COPY data to libpq, which sends whole blocks of 8 KiB and keeps the rest, and all that the server is
    /// too slow for: there is to be a `flush()` after each few dozen KiB.
    func put(_ piece: UnsafeRawBufferPointer) throws(DatabaseFailure) {
        guard let start = piece.baseAddress, piece.count > 0 else { return }
        while true {
            switch PQputCopyData(connection, start.assumingMemoryBound(to: CChar.self), Int32(piece.count)) {
            case 1: return
            case 0:
                let ready = try waitForServer(POLLIN | POLLOUT, for: "the database to take data")
                if ready & ~POLLOUT != 0 { try consume() }
            default: throw lost
            }
        }
    }

    func put(_ piece: [UInt8]) throws(DatabaseFailure) {
        try piece.withUnsafeBufferPointer { (bytes) throws(DatabaseFailure) in try put(UnsafeRawBufferPointer(bytes)) }
    }

    /// Ends COPY data, and sends what libpq has kept.
    /// - Parameter reason: if there is one, the server drops the data, and answers with an error.
    func endCopy(failing reason: String? = nil) throws(DatabaseFailure) {
        while true {
            switch PQputCopyEnd(connection, reason) {
            case 1: return try flush()
            case 0: _ = try waitForServer(POLLOUT, for: "the database to take data")
            default: throw lost
            }
        }
    }

    /// Ends the COPY that is under way and those that are announced; the transaction has failed then. Without any, nothing
    /// happens. The server may first have to wait for the next table's lock.
    func abandonCopies() throws(DatabaseFailure) {
        announcedCopies = []
        guard PQtransactionStatus(connection) == PQTRANS_ACTIVE else { return }
        while let answer = try nextAnswer() {
            if answer.status == PGRES_COPY_IN { try endCopy(failing: "no rows come") }
        }
    }
}
