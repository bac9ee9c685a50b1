import Glibc
import Intake
import LinuxSystem
import OperationLogs

/// Reads it as libsystemd does: entries are found by number where the numbering is the same, else by the time of their boot
/// where that is the same, else by the time of day.
package struct SimulatedJournalReader: JournalReading {
    private let journal: SimulatedJournal
    private var place: Place?
    /// The entry at which it stands: entries can be removed meanwhile.
    private var stands: SimulatedJournal.Entry?

    private struct Place {
        var number: (numbering: String, sequence: UInt64)?
        var monotonic: (boot: UniqueID, time: UInt64)?
        var realtime: UInt64?
        /// Whether the entry at the place was seen.
        let isBehind: Bool

        init(before cursor: String) {
            var parts: [Substring: Substring] = [:]
            for part in cursor.split(separator: ";") { parts[part.prefix(1)] = part.dropFirst(2) }
            func number(_ key: Substring) -> UInt64? { parts[key].flatMap { UInt64($0, radix: 16) } }
            isBehind = false
            if let numbering = parts["s"], let sequence = number("i") { self.number = (String(numbering), sequence) }
            if let boot = parts["b"], let high = UInt64(boot.prefix(16), radix: 16),
                let low = UInt64(boot.dropFirst(16), radix: 16), let time = number("m")
            {
                monotonic = (UniqueID(high: high, low: low), time)
            }
            realtime = number("t")
        }

        init(behind entry: SimulatedJournal.Entry) {
            isBehind = true
            number = (entry.numbering, entry.sequence)
            monotonic = (entry.moment.boot, entry.moment.monotonic)
            realtime = entry.moment.realtime
        }

        /// Whether the entry is the next one that is looked for, or comes behind that.
        func isReached(by entry: SimulatedJournal.Entry) -> Bool {
            if let number, number.numbering == entry.numbering {
                return isBehind ? entry.sequence > number.sequence : entry.sequence >= number.sequence
            }
            if let monotonic, monotonic.boot == entry.moment.boot, monotonic.time != entry.moment.monotonic {
                return entry.moment.monotonic > monotonic.time
            }
            guard let realtime else { return true }
            return isBehind ? entry.moment.realtime > realtime : entry.moment.realtime >= realtime
        }
    }

    package init(_ journal: SimulatedJournal) { self.journal = journal }

    package mutating func open() throws(JournalTrouble) -> [JournalTrouble] {
        try journal.call("open")
        journal.opened += 1
        journal.noticeFiles()
        (place, stands) = (nil, nil)
        return journal.leftOut
    }

    package mutating func close() { (place, stands) = (nil, nil) }

    package mutating func seek(_ target: JournalSeek) throws(JournalTrouble) -> Bool {
        try journal.call("seek")
        (place, stands) = (nil, nil)
        switch target {
        case .beginning: break
        case .end: stand(at: journal.visible.last)
        case .cursor(let cursor): place = Place(before: cursor)
        }
        return stands != nil
    }

    package mutating func next() throws(JournalTrouble) -> Bool {
        try journal.call("next")
        journal.looks += 1
        guard let found = journal.visible.first(where: { place?.isReached(by: $0) ?? true }) else { return false }
        stand(at: found)
        return true
    }

    private mutating func stand(at entry: SimulatedJournal.Entry?) {
        stands = entry
        place = entry.map { Place(behind: $0) }
    }

    private func entry() throws(JournalTrouble) -> SimulatedJournal.Entry {
        guard let stands else { throw SimulatedJournal.trouble(EADDRNOTAVAIL) }
        return stands
    }

    package mutating func cursor() throws(JournalTrouble) -> String {
        try journal.call("cursor")
        return try entry().cursor
    }

    /// As libsystemd does: what a cursor does not say fits.
    package mutating func isAt(_ cursor: String) throws(JournalTrouble) -> Bool {
        let parts = try entry().cursor.split(separator: ";")
        return cursor.split(separator: ";").allSatisfy(parts.contains)
    }

    package mutating func moment() throws(JournalTrouble) -> JournalMoment {
        try journal.call("moment")
        return try entry().moment
    }

    package mutating func field<Result>(_ field: JournalField, _ body: (UnsafeRawBufferPointer) -> Result)
        throws(JournalTrouble) -> Result?
    {
        try journal.call("field \(field.name)")
        return try entry().fields["\(field.name)"].map { $0.withUnsafeBytes(body) }
    }

    package mutating func wait(or wake: EventDescriptor, milliseconds: Int?) -> JournalChange {
        defer { journal.change = .nothing }
        journal.noticeFiles()
        return journal.change
    }
}
