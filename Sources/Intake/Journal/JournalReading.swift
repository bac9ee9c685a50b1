import LinuxSystem
import OperationLogs

/// A field of an entry that the input asks for. What the names mean stands in systemd.journal-fields(7).
package enum JournalField: Sendable, CaseIterable {
    case transport, unit, identifier, message, lineBreak, stream, processID, userID

    package var name: StaticString {
        switch self {
        case .transport: "_TRANSPORT"
        case .unit: "_SYSTEMD_UNIT"
        case .identifier: "SYSLOG_IDENTIFIER"
        case .message: "MESSAGE"
        case .lineBreak: "_LINE_BREAK"
        case .stream: "_STREAM_ID"
        case .processID: "_PID"
        case .userID: "_UID"
        }
    }
}

/// When an entry was written: by the clock of its boot, which never goes back, and by the one that people read.
package struct JournalMoment: Sendable, Hashable {
    package var boot: UniqueID
    /// Microseconds since that boot.
    package var monotonic: UInt64
    /// Microseconds since 1970.
    package var realtime: UInt64

    package init(boot: UniqueID, monotonic: UInt64, realtime: UInt64) {
        self.boot = boot
        self.monotonic = monotonic
        self.realtime = realtime
    }

    /// What a cursor says of a time: every entry of that time fits it.
    package var cursor: String {
        func hex(_ number: UInt64, _ digits: Int = 1) -> String {
            let text = String(number, radix: 16)
            return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
        }
        return "b=\(hex(boot.high, 16))\(hex(boot.low, 16));m=\(hex(monotonic));t=\(hex(realtime))"
    }

    /// Whether both were stamped in one turn of journald's loop: it gives all that it takes in one the same time.
    func isSameTurn(as other: JournalMoment) -> Bool { monotonic == other.monotonic && boot == other.boot }
}

/// Where to go in a journal.
package enum JournalSeek: Sendable, Hashable {
    /// Before the first entry.
    case beginning
    /// At the last entry.
    case end
    /// Before the entry with this cursor; if it is not there, before the one that comes next in its place.
    case cursor(String)
}

/// What has happened to the journal while its reader waited.
package enum JournalChange: Sendable, Hashable {
    case nothing
    case appended
    /// Files came or went: by a rotation, or old ones were removed.
    case filesChanged
}

/// A journal that cannot be read, or a file of it: what was asked, of what, and what to do.
package struct JournalTrouble: Error, Sendable, Hashable, CustomStringConvertible {
    package var failure: SystemError
    /// What the error number does not say.
    package var advice: String?

    package init(_ failure: SystemError, advice: String? = nil) {
        self.failure = failure
        self.advice = advice
    }

    package var description: String {
        guard let advice else { return "\(failure)" }
        return "\(failure.fact); \(advice)"
    }
}

/// A journal, read entry by entry, from the oldest on: the seam between the input and libsystemd. Owned by one thread.
///
/// What is asked of an entry concerns the one at which the last `next()` or `seek(.end)` has arrived, and holds until the
/// next call of either.
package protocol JournalReading {
    /// Opens the journal; the reader then stands before its first entry.
    ///
    /// - Returns: the files that cannot be read, and are left out.
    /// - Throws: if none can be.
    mutating func open() throws(JournalTrouble) -> [JournalTrouble]
    mutating func close()

    /// - Returns: false where there is no entry to stand at: the reader then stands before the first one that comes.
    mutating func seek(_ place: JournalSeek) throws(JournalTrouble) -> Bool
    /// Goes to the next entry.
    ///
    /// - Returns: false if there is none yet; the reader stays where it is.
    mutating func next() throws(JournalTrouble) -> Bool

    /// The text by which the entry is found again.
    mutating func cursor() throws(JournalTrouble) -> String
    /// Whether it is the entry with this cursor.
    mutating func isAt(_ cursor: String) throws(JournalTrouble) -> Bool
    mutating func moment() throws(JournalTrouble) -> JournalMoment
    /// Calls `body` with the value of a field, which is valid within it only. Nil if the entry has none.
    mutating func field<Result>(_ field: JournalField, _ body: (UnsafeRawBufferPointer) -> Result)
        throws(JournalTrouble) -> Result?

    /// Waits until something happens to the journal, `wake` is signalled, or the time is over.
    ///
    /// - Parameter milliseconds: nil waits without end.
    mutating func wait(or wake: EventDescriptor, milliseconds: Int?) -> JournalChange
}
