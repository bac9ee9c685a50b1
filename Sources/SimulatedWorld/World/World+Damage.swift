import Delivery
import LinuxSystem
import OperationLogs
import Spool
import Synchronization

/// What is damaged, or set back, and what has to come of it.
extension World {
    /// More numbers than the simulated spool has room for records.
    private static var margin: UInt64 { 2048 }
    /// The source of lines that stand in the accounts for numbers that were passed over.
    private static var passedOver: Int { 99 }

    func damage(_ place: DamagedPlace, _ kind: DamageKind, seed: UInt64, isRunning: Bool) throws {
        guard place != .end else {
            // Lines of files that stood there may be in none by now, which the accounts do not know.
            guard !circumstances.hasFiles else { return }
            // A last group that begins with zeros looks like none: the one thing that nobody can tell.
            return try damageEnd(.bit, seed: seed)
        }
        let durable = daemon?.durable ?? .zero
        if !isRunning { endProcess() }
        if place == .deadLetters, daemon != nil { startBesideDamage = starts }
        try damage.strike(place, kind, durable: durable, isRunning: daemon != nil, seed: seed)
    }

    /// Of the last group, nothing may have been delivered, here or in any state that the database ever had: that would be a
    /// spool that was set back. If there is a dead letter of it, a start says so and stops.
    private func damageEnd(_ kind: DamageKind, seed: UInt64) throws {
        guard daemon != nil else { return }
        noteTop()
        endProcess()
        guard let struck = try damage.strikeEnd(kind, behind: top, seed: seed) else { return }
        if try isMissingNoticed() { return try goOnWithoutMissing() }
        // They were acknowledged, and may be gone: but not without a word.
        let lines = entries.enumerated().filter { struck.contains(UInt64($0.offset + 1)) }.map(\.element.line)
        acknowledged.subtract(lines)
        units?.lose(lines)
        lostEnd = lostEnd ?? struck.lowerBound
        heard.forgetEnd()
    }

    /// After a start behind a damaged end.
    func checkEndIsSaid() throws {
        guard let first = lostEnd else { return }
        lostEnd = nil
        guard !heard.isEndSaid, !losses.sequences.contains(first) else { return }
        throw BrokenPromise("the end behind record \(first - 1) was damaged, and nothing was said of it")
    }

    /// Up to where anything has its fate.
    func noteTop() {
        let rows = database.state.rows.values.flatMap { $0.values.map(\.position) }
        let ledger = daemon.map { [$0.writer.settled, $0.writer.movedDeadLetters] } ?? []
        top = max(top, (rows + ledger).max() ?? .zero)
    }

    /// The segments are those of the last time that this happened, or are kept for the next time.
    func setBackSegments() throws {
        endProcess()
        let newest = SegmentImage(disk)
        guard let older = image else {
            image = newest
            return
        }
        image = nil
        // Whatever was not durable is none of the matter.
        let all = entries
        entries = Array(entries.prefix(Int(durableAtEnd.rawValue)))
        older.restore(to: disk)
        guard try isMissingNoticed() else {
            entries = all
            return newest.restore(to: disk)
        }
        try goOnWithoutMissing()
    }

    private func goOnWithoutMissing() throws {
        try checkDoesNotStart()
        let next = try adopt()
        let lost = UInt64(max(0, segmentsEnd())) + 1
        damage.lose(lost..<next.rawValue)
        for number in entries.count + 1..<Int(next.rawValue) {
            let line = SimulatedLine(source: Self.passedOver, number: number)
            entries.append(Books.Entry(line: line, kind: 0, payload: []))
        }
        durableAtEnd = SequenceNumber(next.rawValue - 1)
    }

    /// What a start asks for that finds no room for the segment from which the spool goes on.
    func makeRoom() -> Bool {
        disk.contents.withLock { contents in
            defer { contents.available = 1 << 40 }
            return contents.available == 0
        }
    }

    private func settlement() throws -> SpoolSettlement<SimulatedDisk>? {
        try SpoolSettlement(
            SimulatedDisk(disk).directory("spool"), host: SimulatedDaemon.host, now: Timestamp(microseconds: 0))
    }

    /// What neither cursor nor runs know of, nobody can miss. What the database has beyond their knowledge is known in time.
    private func isMissingNoticed() throws -> Bool {
        do {
            return try disk.unfailing {
                try settlement()?.missing(deadLetter: SimulatedDaemon.newestDeadLetter(SimulatedDisk(disk))) != nil
            }
        } catch is SpoolError {
            return false
        }
    }

    private func segmentsEnd() -> Int {
        let places = try? disk.unfailing { try SpoolInspector(SimulatedDisk(disk).directory("spool")).framePlaces() }
        return Int(places?.last?.next.rawValue ?? 1) - 1
    }

    private func checkDoesNotStart() throws {
        do {
            try start()
        } catch let error as SpoolError where error.code == .aheadOfSegments {
            return
        } catch let broken as BrokenPromise {
            throw broken
        } catch {
            return try endProcess(with: error)
        }
        throw BrokenPromise("segments are missing at the end of the spool, and a daemon starts")
    }

    /// The operator's word. He has made room, and his calls do not fail.
    private func adopt() throws -> SequenceNumber {
        let (available, failsNextSync) = disk.contents.withLock { contents in
            defer { (contents.available, contents.failsNextSync) = (1 << 40, false) }
            return (contents.available, contents.failsNextSync)
        }
        defer { disk.contents.withLock { ($0.available, $0.failsNextSync) = (available, failsNextSync) } }
        let outcomes = try disk.unfailing {
            var settling = try settlement()
            let deadLetter = try SimulatedDaemon.newestDeadLetter(SimulatedDisk(disk))
            return try settling?.adopt(deadLetter: deadLetter, margin: Self.margin) ?? []
        }
        guard case .goesOnAt(let next)? = outcomes.last else {
            throw BrokenPromise("segments are missing, and adopting says \(outcomes)")
        }
        return next
    }
}
