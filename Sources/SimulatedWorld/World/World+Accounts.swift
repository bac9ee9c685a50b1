import DeadLetters
import Delivery
import OperationLogs

/// The accounts: what must have become of every line.
extension World {
    /// The lines that are durable, as far as the daemon knows.
    var durableLines: Set<SimulatedLine> {
        let durable = Int((daemon?.durable ?? durableAtEnd).rawValue)
        return Set((daemon?.books.entries ?? entries).prefix(durable).lazy.map(\.line))
    }

    func checkRecovered() throws {
        let lines = entries.map(\.line)
        let present = Set(lines)
        guard present.count == lines.count else { throw BrokenPromise("a line is in the spool twice") }
        if let lost = acknowledged.subtracting(present).min(by: { $0.number < $1.number }) {
            throw BrokenPromise("\(lost.name) was acknowledged and is not in the spool after a start")
        }
    }

    /// What holds after every action.
    func check() throws {
        if let broken = daemon?.books.broken { throw broken }
        takeAccounts()
        if let violation = database.violations.first { throw BrokenPromise("the database saw \(violation)") }
        if database.state.rows.count > 1 { throw BrokenPromise("nobody copied the spool, and it goes under two names") }
        guard database.commits != commitsSeen else { return }
        commitsSeen = database.commits
        try checkTables()
    }

    func takeAccounts() {
        guard let daemon else { return }
        isFilesStartDurable = isFilesStartDurable || daemon.isFilesStartDurable
        entries = daemon.books.entries
        losses.take(daemon.lostRanges)
    }

    /// What may be missing.
    var rule: LossRule { LossRule(damaged: damage.sequences, named: losses.sequences) }

    /// A row whose refusal is kept is never sent again, not after the database was set back either.
    func checkMayBeSent(_ line: SimulatedLine?) {
        guard let line, let index = daemon?.books.entries.lastIndex(where: { $0.line == line }) else { return }
        if daemon?.holdsRefusal(of: SequenceNumber(UInt64(index + 1))) ?? false {
            database.violate("\(line.name), whose refusal is kept")
        }
    }

    /// Each table holds exactly the records up to its position that were not refused, in their order.
    func checkTables() throws {
        for kind in EventKind.allCases where kind != .pipelineWatermarks {
            let position = Int(database.state.positions[kind]?.position.rawValue ?? 0)
            guard position <= entries.count else {
                throw BrokenPromise("\(kind.name) stands at \(position), and the spool has \(entries.count) records")
            }
            let expected = entries.prefix(position).enumerated().lazy.filter {
                $0.element.kind == kind.rawValue && !$0.element.line.isRefused
            }.map { (sequence: $0.offset + 1, entry: $0.element) }
            let rows = database.state.tables[kind] ?? []
            if let difference = rule.difference(rows, expected) {
                throw BrokenPromise("\(kind.name) has \(rows.count) rows at position \(position): \(difference)")
            }
            note("\(kind.rawValue) \(position) \(rows.count)")
        }
    }

    func checkWatermarks() throws {
        var events: [String: [(sequence: Int, entry: Books.Entry)]] = [:]
        for (index, entry) in entries.enumerated() where entry.kind == EventKind.pipelineWatermarks.rawValue {
            events["p\(entry.line.source)", default: []].append((index + 1, entry))
        }
        for pipeline in Set(events.keys).union(database.state.watermarks.keys).sorted() {
            let row = database.state.watermarks[pipeline]
            guard rule.isRight(row, of: events[pipeline] ?? [], pipeline: pipeline) else {
                throw BrokenPromise("the watermark of \(pipeline) is \(String(describing: row))")
            }
        }
    }

    /// With all faults over nothing waits for a call that has failed, and each position in the spool is that of a file.
    private func checkPositions() throws {
        guard let daemon else { return }
        if !daemon.isNothingPutOff { throw BrokenPromise("with all faults over, files wait for what has failed") }
        guard daemon.strayPositions == 0 else {
            throw BrokenPromise("the spool holds \(daemon.strayPositions) positions that no file has")
        }
    }

    func balance() throws {
        try checkTables()
        try checkWatermarks()
        if let double = try JournalBooks.firstDouble(in: SimulatedDisk(disk)) {
            throw BrokenPromise("the dead letter \(double) was written twice")
        }
        var letters: [UInt64: DeadLetter] = [:]
        try DeadLetterList(in: SimulatedDisk(disk)).forEach { letter in
            guard letters.updateValue(letter, forKey: letter.id.rawValue) == nil else {
                throw BrokenPromise("the dead letter \(letter.id) is there twice")
            }
            return true
        }
        for (index, entry) in entries.enumerated() where entry.line.isInvalid || entry.line.isRefused {
            guard let letter = letters.removeValue(forKey: UInt64(index + 1)) else {
                if rule.mayLack(index + 1) { continue }
                throw BrokenPromise("\(entry.line.name), record \(index + 1), is no dead letter")
            }
            let isRight =
                entry.line.isRefused
                ? letter.reason == .rejectedByDatabase && letter.event == entry.line.kind
                : (letter.reason == .invalidJSON
                    || letter.reason == .incompleteLine && sources.accounts.isAbandoned(entry.line))
                    && letter.line + [0x0a] == entry.line.bytes
            if !isRight { throw BrokenPromise("the dead letter of \(entry.line.name) says \(letter.json)") }
        }
        if let extra = letters.first { throw BrokenPromise("nobody rejected the dead letter \(extra.key)") }
        try checkRecovered()
        try checkPositions()
        try sources.accounts.check(entries.map(\.line).filter { SimulatedSources.jobs.contains($0.source) })
        note("\(entries.count) \(acknowledged.count)")
        trace?(sources.accounts.summary(of: Set(entries.map(\.line)), reported: bytesLost + (daemon?.bytesLost ?? 0)))
    }
}
