import Bookkeeping
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
        let present = Set(entries.lazy.map(\.line))
        if present.count != entries.count { _ = try FilesInDamage.repeated(in: entries, rule) }
        if let lost = acknowledged.subtracting(present).min(by: { $0.number < $1.number }) {
            throw BrokenPromise("\(lost.name) was acknowledged and is not in the spool after a start")
        }
    }

    /// What holds after every action.
    func check() throws {
        if let broken = daemon?.books.broken { throw broken }
        takeAccounts()
        try takeAcceptedGaps()
        try checkDaemonsBooks()
        if let violation = database.violations.first { throw BrokenPromise("the database saw \(violation)") }
        if database.state.rows.count > 1 { throw BrokenPromise("nobody copied the spool, and it goes under two names") }
        try checkAnswers()
        guard database.commits != commitsSeen else { return }
        commitsSeen = database.commits
        try checkTables()
    }

    /// The books that the daemon keeps balance whatever happens. Not looked into where the spool is damaged: they read all of
    /// it, and would be the first to meet each place.
    private func checkDaemonsBooks() throws {
        guard let daemon, !circumstances.hasDamage else { return }
        try disk.unfailing { try daemon.keepBooks() }
        let report = daemon.bookkeeper.report
        guard report.unaccounted == 0 else { throw BrokenPromise("the daemon's books say \(report)") }
    }

    func takeAccounts() {
        guard let daemon else { return }
        isFilesStartDurable = isFilesStartDurable || daemon.isFilesStartDurable
        entries = daemon.books.entries
        losses.take(daemon.lostRanges)
        if heard.takePassedOver() { units?.passOver() }
        noteTop()
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
        var rule = rule
        let repeated = losses.sequences.isEmpty ? (lines: [], whole: []) : try FilesInDamage.repeated(in: entries, rule)
        rule.repeated = repeated.whole
        for kind in EventKind.allCases where kind != .pipelineWatermarks {
            let position = Int(database.state.positions[kind]?.position.rawValue ?? 0)
            guard position <= entries.count else {
                throw BrokenPromise("\(kind.name) stands at \(position), and the spool has \(entries.count) records")
            }
            let absent = database.state.absent[kind] ?? []
            let expected = entries.prefix(position).enumerated().lazy.filter {
                $0.element.kind == kind.rawValue && !$0.element.line.isRefused
                    && !absent.contains(UInt64($0.offset + 1))
            }.map { (sequence: $0.offset + 1, entry: $0.element) }
            let rows = database.state.tables[kind] ?? []
            if let line = doubled(repeated.lines, in: rows, of: kind) {
                throw BrokenPromise("\(line.name) is in \(kind.name) twice")
            }
            if let difference = rule.difference(rows, expected) {
                throw BrokenPromise("\(kind.name) has \(rows.count) rows at position \(position): \(difference)")
            }
            note("\(kind.rawValue) \(position) \(rows.count)")
        }
    }

    /// A line that came to the table with more than one of its records.
    private func doubled(_ repeated: Set<SimulatedLine>, in rows: [[UInt8]], of kind: EventKind) -> SimulatedLine? {
        let left = repeated.filter { $0.kind == kind }
        guard !left.isEmpty else { return nil }
        var seen: Set<SimulatedLine> = []
        for line in rows.lazy.compactMap({ row in row.withUnsafeBytes { SimulatedLine(kind: kind.rawValue, $0) } })
        where left.contains(line) && !seen.insert(line).inserted { return line }
        return nil
    }

    /// The lines of files and units that have not come.
    var missing: [SimulatedLine] {
        let present = Set(entries.lazy.map(\.line))
        return missingFromFiles(present) + (units?.missing(from: present) ?? [])
    }

    /// The lines of files that are neither in the spool nor listed as not being there. Once something was lost, only those
    /// in files under the patterns: of others, the only position that led to them may have stood there.
    private func missingFromFiles(_ present: Set<SimulatedLine>) -> [SimulatedLine] {
        let missing = sources.accounts.missing(from: present)
        // A torn end has lost no record that was known, but perhaps the positions behind lines that were delivered.
        let told = daemon?.losses ?? []
        guard !missing.isEmpty, !losses.isEmpty || !told.isEmpty else { return missing }
        let damage = FilesInDamage(told, rule)
        let standing = sources.accounts.standing
        return missing.filter { line in
            standing.contains(line) && !damage.isListed(line, at: sources.accounts.offset(of: line))
        }
    }

    /// A line that was lost with a damaged place, and still stands in a file, is not lost in silence.
    private func checkLostLines(_ letters: Set<SimulatedLine>) throws {
        let damage = FilesInDamage(daemon?.losses ?? [], rule)
        var present = letters
        for (index, entry) in entries.enumerated() where !rule.mayLack(index + 1) { present.insert(entry.line) }
        for (kind, rows) in database.state.tables {
            for row in rows {
                if let line = row.withUnsafeBytes({ SimulatedLine(kind: kind.rawValue, $0) }) { present.insert(line) }
            }
        }
        for line in sources.accounts.standing.subtracting(present) where line.kind != .pipelineWatermarks {
            guard let index = entries.firstIndex(where: { $0.line == line }), !putBack.contains(UInt64(index + 1))
            else {
                continue
            }
            guard damage.isListed(line, at: sources.accounts.offset(of: line)) else {
                throw BrokenPromise(
                    "\(line.name) was lost with a damaged place, still stands in its file, and is not listed")
            }
        }
    }

    func checkWatermarks() throws {
        var events: [String: [(sequence: Int, entry: Books.Entry)]] = [:]
        let kind = EventKind.pipelineWatermarks
        let absent = database.state.absent[kind] ?? []
        for (index, entry) in entries.enumerated()
        where entry.kind == kind.rawValue && !absent.contains(UInt64(index + 1)) {
            events["p\(entry.line.source)", default: []].append((index + 1, entry))
        }
        for pipeline in Set(events.keys).union(database.state.watermarks.keys).sorted() {
            let row = database.state.watermarks[pipeline]
            guard rule.isRight(row, of: events[pipeline] ?? [], pipeline: pipeline) else {
                throw BrokenPromise("the watermark of \(pipeline) is \(String(describing: row))")
            }
        }
    }

    /// Without those that were read again.
    private var inOrderOfReading: [SimulatedLine] {
        var seen: Set<SimulatedLine> = []
        return entries.map(\.line).filter { seen.insert($0).inserted }
    }

    /// With all faults over nothing waits for a call that has failed, and each position in the spool is that of a file.
    private func checkPositions() throws {
        guard let daemon else { return }
        if !daemon.isNothingPutOff { throw BrokenPromise("with all faults over, files wait for what has failed") }
        // What was lost with a damaged place may be the last that was known of a file.
        guard !losses.isEmpty || daemon.strayPositions == 0 else {
            throw BrokenPromise("the spool holds \(daemon.strayPositions) positions that no file has")
        }
    }

    func balance() throws {
        try checkTables()
        try checkWatermarks()
        if let double = try JournalBooks.firstDouble(
            in: SimulatedDisk(disk), damaged: damage.letters, isTidied: circumstances.letterLimit != nil)
        {
            throw BrokenPromise("the dead letter \(double) was written twice")
        }
        var letters: [UInt64: DeadLetter] = [:]
        let list = try DeadLetterList(in: SimulatedDisk(disk))
        let isListDamaged = !list.damage.isEmpty
        try list.forEach { letter in
            guard letters.updateValue(letter, forKey: letter.id.rawValue) == nil else {
                throw BrokenPromise("the dead letter \(letter.id) is there twice")
            }
            return true
        }
        let isHeldRight = daemon.map { $0.heldLetters == letters.count } ?? true
        guard isHeldRight || !damage.letters.isEmpty || circumstances.hasDamage else {
            throw BrokenPromise(
                "the store counts \(daemon?.heldLetters ?? 0) dead letters, and \(letters.count) are listed")
        }
        var lettered: Set<SimulatedLine> = []
        var dropped = 0
        let over = LettersThatAreOver(entries, rule, discarded: discarded, perhaps: perhapsDiscarded)
        for (index, entry) in entries.enumerated() where entry.line.isInvalid || entry.line.isRefused {
            guard let letter = letters.removeValue(forKey: UInt64(index + 1)) else {
                if over.mayLack(UInt64(index + 1)) {
                    lettered.insert(entry.line)
                    continue
                }
                if rule.mayLack(index + 1) { continue }
                let isSaid = heard.areLettersSaid || isListDamaged || starts == startBesideDamage
                if damage.letters.contains(UInt64(index + 1)), isSaid { continue }
                if circumstances.letterLimit == .dropOldest {
                    dropped += 1
                    lettered.insert(entry.line)
                    continue
                }
                throw BrokenPromise("\(entry.line.name), record \(index + 1), is no dead letter")
            }
            if over.mustLack(letter.id.rawValue), !damage.letters.contains(letter.id.rawValue) {
                throw BrokenPromise("the dead letter \(letter.id) is over, and still listed")
            }
            let isRight =
                entry.line.isRefused
                ? letter.reason == .rejectedByDatabase && letter.event == entry.line.kind
                : (letter.reason == .invalidJSON
                    || letter.reason == .incompleteLine && sources.accounts.isAbandoned(entry.line))
                    && letter.line + [0x0a] == entry.line.bytes
            guard lettered.insert(entry.line).inserted else {
                throw BrokenPromise("\(entry.line.name) is a dead letter twice")
            }
            if !isRight { throw BrokenPromise("the dead letter of \(entry.line.name) says \(letter.json)") }
        }
        guard dropped <= heard.droppedLetters else {
            throw BrokenPromise(
                "\(dropped) dead letters are not there, and \(heard.droppedLetters) were said to be dropped")
        }
        if let extra = letters.first { throw BrokenPromise("nobody rejected the dead letter \(extra.key)") }
        try checkShownLetters()
        try checkRecovered()
        try checkPositions()
        try checkLostLines(lettered)
        try sources.accounts.check(inOrderOfReading.filter { SimulatedSources.jobs.contains($0.source) })
        // Where the position was lost with a damaged place, nothing tells up to where the journal was read.
        try units?.check(inOrderOfReading, isLossSaid: heard.isRemovalSaid || !losses.isEmpty)
        note("\(entries.count) \(acknowledged.count)")
        trace?(sources.accounts.summary(of: Set(entries.map(\.line)), reported: bytesLost + (daemon?.bytesLost ?? 0)))
    }
}
