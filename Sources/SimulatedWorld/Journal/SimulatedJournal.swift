import Glibc
import Intake
import LinuxSystem
import OperationLogs

/// A journal in memory: entries in the order in which they were written, under the numbers that journald gives.
package final class SimulatedJournal {
    package struct Entry {
        var fields: [String: [UInt8]]
        package let moment: JournalMoment
        package fileprivate(set) var numbering: String
        package fileprivate(set) var sequence: UInt64
        /// Beside the rest: no two entries are the same.
        fileprivate let mark: UInt64

        package var cursor: String {
            func hex(_ number: UInt64) -> String { String(number, radix: 16) }
            return "s=\(numbering);i=\(hex(sequence));\(moment.cursor);x=\(hex(mark))"
        }
    }

    package var entries: [Entry] = []
    /// What a reader that is open sees, until a wait tells it that files came or went: it keeps those that are removed.
    var visible: [Entry] { beforeMove ?? (removed.isEmpty ? entries : removed + entries) }
    private var removed: [Entry] = []
    private var beforeMove: [Entry]?
    /// What the next call of this name throws; for good if it is in `fails`.
    package var failsOnce: [String: JournalTrouble] = [:]
    package var fails: [String: JournalTrouble] = [:]
    /// Which call of this name fails, from 1 on.
    package var failsAt: [String: Int] = [:]
    package var leftOut: [JournalTrouble] = []
    package internal(set) var opened = 0
    package internal(set) var looks = 0
    /// What a wait finds.
    package var change = JournalChange.nothing
    package var numbering = "a1"
    /// The number of the entry that was written last.
    private var written: UInt64 = 0
    private var lastTime: UInt64 = 1_000_000
    private var marks: UInt64 = 0
    private var boot = UniqueID(high: 7, low: 9)

    package init() {}

    /// Writes an entry as journald does of a line that a unit printed.
    ///
    /// - Parameters:
    ///   - time: microseconds of this boot; a later one than before if it is nil.
    ///   - realtime: microseconds since 1970; by `time` if it is nil.
    package func write(
        _ message: String?, unit: String? = "loader@a.service", at time: UInt64? = nil, realtime: UInt64? = nil,
        transport: String = "stdout", lineBreak: String? = nil, stream: String = "s1", identifier: String = "loader",
        pid: String = "42"
    ) {
        written += 1
        marks += 1
        let time = time ?? lastTime + 1000
        lastTime = time
        var fields = [
            "_TRANSPORT": transport, "_STREAM_ID": stream, "SYSLOG_IDENTIFIER": identifier, "_PID": pid, "_UID": "1000",
        ]
        fields["MESSAGE"] = message
        fields["_SYSTEMD_UNIT"] = unit
        fields["_LINE_BREAK"] = lineBreak
        entries.append(
            Entry(
                fields: fields.mapValues { Array($0.utf8) },
                moment: JournalMoment(
                    boot: boot, monotonic: time, realtime: realtime ?? 1_764_000_000_000_000 + time),
                numbering: numbering, sequence: written, mark: marks))
    }

    /// Removes the first entries, as a vacuum does.
    package func vacuum(_ count: Int) {
        removed += entries.prefix(count)
        entries.removeFirst(count)
    }

    /// Gives all entries other numbers, as they have in /var what they had not in /run.
    package func renumber() {
        beforeMove = visible
        numbering += "f"
        for index in entries.indices {
            entries[index].numbering = numbering
            entries[index].sequence = UInt64(index + 1)
        }
        written = UInt64(entries.count)
    }

    /// The machine goes down, and so many entries had not been synced: their numbers are given again.
    package func powerCut(losing count: Int) {
        entries.removeLast(count)
        written -= UInt64(count)
        boot = UniqueID(high: boot.high, low: boot.low + 1)
    }

    /// A reader learns which files there are.
    func noticeFiles() {
        removed = []
        beforeMove = nil
    }

    func call(_ name: String) throws(JournalTrouble) {
        if let calls = failsAt[name] {
            failsAt[name] = calls > 1 ? calls - 1 : nil
            if calls == 1 { throw Self.trouble(EIO) }
        }
        if let trouble = failsOnce.removeValue(forKey: name) ?? fails[name] { throw trouble }
    }

    package static func trouble(_ code: Int32) -> JournalTrouble {
        JournalTrouble(SystemError(call: "sd_journal_open", subject: "the journal", code: code))
    }
}
