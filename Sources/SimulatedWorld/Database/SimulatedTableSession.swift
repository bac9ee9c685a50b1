import Delivery
import OperationLogs

/// A session with the simulated database over which dead letters are shown.
final class SimulatedTableSession: DeadLetterTableSession {
    private let database: SimulatedDatabase
    /// Of the database, when the connection was made; nil without one.
    private var incarnation: Int?

    init(_ database: SimulatedDatabase) { self.database = database }

    func connect() throws(DatabaseFailure) -> ServerIdentity {
        incarnation = nil
        guard database.isUp else { throw .connectionLost("connection refused") }
        _ = try struck()
        incarnation = database.incarnation
        return database.server
    }

    func disconnect() { incarnation = nil }
    func interrupt() {}

    func shownLetters(spool: UniqueID, among ids: [SequenceNumber]) throws(DatabaseFailure) -> Set<SequenceNumber> {
        try requireConnection()
        _ = try struck()
        return Set(ids.filter { database.state.letters[$0.rawValue] != nil })
    }

    func openLetters(spool: UniqueID, after id: SequenceNumber, limit: Int)
        throws(DatabaseFailure) -> [SequenceNumber]
    {
        try requireConnection()
        _ = try struck()
        let open = database.state.letters.filter { $0.key > id.rawValue && $0.value.ending == nil }.keys.sorted()
        return open.prefix(limit).map { SequenceNumber($0) }
    }

    func show(_ letters: [ShownLetter], endings: [DeadLetterEnding], spool: UniqueID, host: String)
        throws(DatabaseFailure)
    {
        try requireConnection()
        let isLostAfter = try struck()
        for shown in letters where database.state.letters[shown.letter.id.rawValue] == nil {
            database.state.letters[shown.letter.id.rawValue] = SimulatedDatabase.LetterRow(letter: shown.letter)
        }
        for ending in endings where database.state.letters[ending.id.rawValue]?.ending == nil {
            database.state.letters[ending.id.rawValue]?.ending = ending
        }
        if isLostAfter {
            incarnation = nil
            throw .connectionLost("the server closed the connection")
        }
    }

    private func requireConnection() throws(DatabaseFailure) {
        guard database.isUp, incarnation == database.incarnation else {
            incarnation = nil
            throw .connectionLost("no connection")
        }
    }

    /// - Returns: whether the connection is lost once this is done.
    private func struck() throws(DatabaseFailure) -> Bool {
        switch database.fault(.letters) {
        case nil: return false
        case .lostAfter: return true
        case .lostBefore:
            incarnation = nil
            throw .connectionLost("the server closed the connection")
        case .timedOut:
            incarnation = nil
            throw .timedOut("no answer")
        case .error(let error): throw .server(error)
        }
    }
}
