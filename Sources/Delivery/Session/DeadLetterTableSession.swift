import OperationLogs

/// A connection of its own over which dead letters are shown in `operation_logs.dead_letters`. Used by one thread; each call
/// blocks until its answer is there, the connection is lost, or its time is up.
public protocol DeadLetterTableSession: AnyObject {
    /// Opens the connection anew.
    func connect() throws(DatabaseFailure) -> ServerIdentity
    /// Closes it, whatever its state.
    func disconnect()
    /// Wakes a blocked call, which then throws `.interrupted`; from any thread.
    func interrupt()
    /// Which of these have a row.
    func shownLetters(spool: UniqueID, among ids: [SequenceNumber]) throws(DatabaseFailure) -> Set<SequenceNumber>
    /// The first rows behind `id`, by their ids, whose dead letter is not over.
    func openLetters(spool: UniqueID, after id: SequenceNumber, limit: Int) throws(DatabaseFailure) -> [SequenceNumber]
    /// Makes rows for the letters that have none, and then notes the endings where none is noted: all of it, or nothing.
    func show(_ letters: [ShownLetter], endings: [DeadLetterEnding], spool: UniqueID, host: String)
        throws(DatabaseFailure)
}

/// A dead letter as its row has it: only what the columns can hold.
public struct ShownLetter: Sendable, Hashable {
    public var letter: DeadLetter
    /// The line, where it is text that a column can hold; else it goes as bytes.
    public var text: [UInt8]?

    /// - Parameter isReduced: for a database whose encoding lacks some of the characters: everything in ASCII, the line as
    ///   bytes.
    public init(_ letter: DeadLetter, isReduced: Bool = false) {
        self.letter = letter
        let isText = !letter.line.contains(0) && String(validating: letter.line, as: UTF8.self) != nil
        text = isText && !isReduced ? letter.line : nil
        func plain(_ text: String) -> String {
            let characters = text.unicodeScalars.map { scalar in
                scalar.value == 0 || (isReduced && !scalar.isASCII) ? "?" : Character(scalar)
            }
            return String(characters)
        }
        self.letter.detail = plain(letter.detail)
        self.letter.source.path = letter.source.path.map(plain)
        self.letter.source.input = plain(letter.source.input)
    }
}
