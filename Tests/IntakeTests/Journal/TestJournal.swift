import Glibc
import LinuxSystem
import OperationLogs

@testable import Intake

/// A journal in memory: entries in the order in which they were written, under the numbers that journald gives.
final class TestJournal {
    struct Entry {
        var fields: [String: [UInt8]]
        var moment: JournalMoment
        var numbering: String
        var sequence: UInt64

        var cursor: String {
            "s=\(numbering);i=\(String(sequence, radix: 16));" + JournalPlace.cursor(of: moment) + ";x=1"
        }
    }

    var entries: [Entry] = []
    /// What the next call of this name throws; for good if it is in `fails`.
    var failsOnce: [String: JournalTrouble] = [:]
    var fails: [String: JournalTrouble] = [:]
    /// Which call of this name fails, from 1 on.
    var failsAt: [String: Int] = [:]
    var leftOut: [JournalTrouble] = []
    var opened = 0
    var looks = 0
    /// What a wait finds.
    var change = JournalChange.nothing
    var numbering = "a1"
    private var written: UInt64 = 0

    static let boot = UniqueID(high: 7, low: 9)

    /// Writes an entry as journald does of a line that a unit printed.
    ///
    /// - Parameter at: microseconds; a later one than before if it is nil.
    func write(
        _ message: String?, unit: String? = "loader@a.service", at time: UInt64? = nil, transport: String = "stdout",
        lineBreak: String? = nil, stream: String = "s1", identifier: String = "loader", pid: String = "42"
    ) {
        written += 1
        let time = time ?? (entries.last?.moment.monotonic ?? 1_000_000) + 1000
        var fields = [
            "_TRANSPORT": transport, "_STREAM_ID": stream, "SYSLOG_IDENTIFIER": identifier, "_PID": pid, "_UID": "1000",
        ]
        fields["MESSAGE"] = message
        fields["_SYSTEMD_UNIT"] = unit
        fields["_LINE_BREAK"] = lineBreak
        entries.append(
            Entry(
                fields: fields.mapValues { Array($0.utf8) },
                moment: JournalMoment(boot: Self.boot, monotonic: time, realtime: 1_764_000_000_000_000 + time),
                numbering: numbering, sequence: written))
    }

    /// Lines that become cast errors with these names.
    func write(_ names: [String]) { for name in names { write(Self.line(name)) } }

    static func line(_ name: String) -> String { "{\"event\":\"cast_errors\",\"column_name\":\"\(name)\"}" }

    /// Removes the first entries, as a vacuum does.
    func vacuum(_ count: Int) { entries.removeFirst(count) }

    /// Gives all entries other numbers, as they have in /var what they had not in /run.
    func renumber() {
        numbering += "f"
        for index in entries.indices {
            entries[index].numbering = numbering
            entries[index].sequence = UInt64(index + 1)
        }
        written = UInt64(entries.count)
    }

    func call(_ name: String) throws(JournalTrouble) {
        if let calls = failsAt[name] {
            failsAt[name] = calls > 1 ? calls - 1 : nil
            if calls == 1 { throw Self.trouble(EIO) }
        }
        if let trouble = failsOnce.removeValue(forKey: name) ?? fails[name] { throw trouble }
    }

    static func trouble(_ code: Int32) -> JournalTrouble {
        JournalTrouble(SystemError(call: "sd_journal_open", subject: "the journal", code: code))
    }
}

/// Reads it as libsystemd does.
struct TestJournalReader: JournalReading {
    let journal: TestJournal
    /// The entry behind which it stands, by what it was: entries can be removed meanwhile.
    private var last: TestJournal.Entry?
    private var stands: TestJournal.Entry?

    init(_ journal: TestJournal) { self.journal = journal }

    mutating func open() throws(JournalTrouble) -> [JournalTrouble] {
        try journal.call("open")
        journal.opened += 1
        (last, stands) = (nil, nil)
        return journal.leftOut
    }

    mutating func close() { (last, stands) = (nil, nil) }

    mutating func seek(_ place: JournalSeek) throws(JournalTrouble) -> Bool {
        try journal.call("seek")
        (last, stands) = (nil, nil)
        switch place {
        case .beginning: return false
        case .end:
            (last, stands) = (journal.entries.last, journal.entries.last)
            return stands != nil
        case .cursor(let cursor):
            let known = JournalPlace(
                cursor: cursor, moment: JournalMoment(boot: TestJournal.boot, monotonic: 0, realtime: 0), ordinal: 1)
            let time = cursor.split(separator: ";").first { $0.hasPrefix("m=") }.flatMap {
                UInt64($0.dropFirst(2), radix: 16)
            }
            let index = journal.entries.firstIndex { entry in
                if let number = known.number, number.numbering == entry.numbering {
                    return entry.sequence >= number.sequence
                }
                return entry.moment.monotonic >= time ?? 0
            }
            let before = (index ?? journal.entries.count) - 1
            last = before >= 0 ? journal.entries[before] : nil
            return false
        }
    }

    mutating func next() throws(JournalTrouble) -> Bool {
        try journal.call("next")
        journal.looks += 1
        let found = journal.entries.first { entry in
            guard let last else { return true }
            return entry.numbering == last.numbering
                ? entry.sequence > last.sequence : entry.moment.monotonic > last.moment.monotonic
        }
        guard let found else { return false }
        (last, stands) = (found, found)
        return true
    }

    private func entry() throws(JournalTrouble) -> TestJournal.Entry {
        guard let stands else { throw TestJournal.trouble(EADDRNOTAVAIL) }
        return stands
    }

    mutating func cursor() throws(JournalTrouble) -> String {
        try journal.call("cursor")
        return try entry().cursor
    }

    /// As libsystemd does: what a cursor does not say fits.
    mutating func isAt(_ cursor: String) throws(JournalTrouble) -> Bool {
        let parts = try entry().cursor.split(separator: ";")
        return cursor.split(separator: ";").allSatisfy(parts.contains)
    }
    mutating func moment() throws(JournalTrouble) -> JournalMoment {
        try journal.call("moment")
        return try entry().moment
    }

    mutating func field<Result>(_ field: JournalField, _ body: (UnsafeRawBufferPointer) -> Result)
        throws(JournalTrouble) -> Result?
    {
        try journal.call("field \(field.name)")
        return try entry().fields["\(field.name)"].map { $0.withUnsafeBytes(body) }
    }

    mutating func wait(or wake: EventDescriptor, milliseconds: Int?) -> JournalChange {
        defer { journal.change = .nothing }
        return journal.change
    }
}
