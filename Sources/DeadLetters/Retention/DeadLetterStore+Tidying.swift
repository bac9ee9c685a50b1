import Instruments
import LinuxSystem
import OperationLogs
import Synchronization

/// Keeps the store within its limits. What goes is counted and said before it goes, and never comes back: while the spool
/// keeps its record, a tombstone stands for it.
extension DeadLetterStore {
    /// Whether an input takes nothing, since its share of the space is used up.
    public func isFull(for input: String) -> Bool { shares?.share(of: input)?.isClosed ?? false }

    /// What an input has to ask before it reads; nil where there are no limits.
    public func gate(for input: String) -> (any IntakeGate)? { shares?.share(of: input) }

    /// What one append should hold at most: no file is much larger than those that are dropped together.
    var appendBytes: Int { Int(min(1 << 20, limits?.fileBytes ?? .max)) }

    /// Whether letters can grow too old.
    var hasAge: Bool { limits?.maxAgeSeconds != nil }

    /// Frees the space of what is over, and drops what is too old or has to make room. Reads files only where that may be so.
    ///
    /// - Parameter firstKept: the first record that the spool still keeps.
    /// - Throws: `SystemError`, `DeadLetterStoreError`: what was not done is done next time.
    func tidy(_ now: Timestamp, firstKept: SequenceNumber) throws {
        guard let limits, let shares else { return }
        try journal.withLock { journal in
            let cutoff = limits.maxAgeSeconds.map { Timestamp(microseconds: now.microseconds - $0 * 1_000_000).rfc3339 }
            endFileOfAge(&journal, now, limits)
            let isOver = bytes > limits.maxBytes
            let isOld =
                cutoff.map { cutoff in journal.files?.values.contains { $0.isOlder(than: cutoff) } ?? false } ?? false
            guard isOver || isOld || (journal.isStale && !shares.areAllOpen) else { return }
            if journal.isStale { try survey(&journal) }
            for file in sealed(journal) {
                if let cutoff, file.isOlder(than: cutoff) {
                    try drop(file.number, &journal, firstKept, because: "they are older than dead_letters.max_age")
                } else if !file.isDamaged, file.isOwn, file.futileAt != firstKept, file.heldBytes < file.bytes / 8 * 7,
                    isOver || !shares.areAllOpen
                {
                    try compact(file.number, &journal, firstKept)
                }
            }
            if limits.whenFull == .dropOldest { try dropOldest(&journal, firstKept, limits) }
            shares.set(total(journal))
        }
    }

    private func dropOldest(
        _ journal: inout Journal, _ firstKept: SequenceNumber, _ limits: DeadLetterLimits
    ) throws {
        while bytes > limits.maxBytes {
            if !sealed(journal).contains(where: { $0.held > 0 }) { journal.writer.endFile() }
            // Those that hold none say what must not come back.
            guard let oldest = sealed(journal).first(where: { $0.held > 0 }) else { return }
            try drop(oldest.number, &journal, firstKept, because: "dead_letters.max_bytes is used up")
        }
    }

    /// Letters of a file go together: one does not grow for ever where few come.
    private func endFileOfAge(_ journal: inout Journal, _ now: Timestamp, _ limits: DeadLetterLimits) {
        guard let age = limits.fileAgeSeconds, let oldest = journal.files?[journal.writer.number]?.oldest,
            oldest < Timestamp(microseconds: now.microseconds - age * 1_000_000).rfc3339
        else { return }
        journal.writer.endFile()
    }

    /// Those that nothing is appended to, oldest first.
    private func sealed(_ journal: Journal) -> [FileSummary] {
        (journal.files ?? [:]).values.filter { $0.number < journal.writer.number || journal.writer.isAtEnd }
            .sorted { $0.number < $1.number }
    }

    private func total(_ journal: Journal) -> [String: UInt64] {
        (journal.files ?? [:]).values.reduce(into: [:]) { total, file in
            for (input, bytes) in file.bytesByInput { total[input, default: 0] += bytes }
        }
    }

    /// Reads what stands in the files.
    func survey(_ journal: inout Journal) throws {
        var files: [UInt64: FileSummary] = [:]
        // What a crash has left of a file that was written anew.
        for name in try directory.names() where name.hasSuffix(Self.draftSuffix) { try directory.remove(name) }
        for number in try JournalFileName.numbers(in: directory) {
            let content = try FileContent(directory.open(JournalFileName.of(number), .reading))
            files[number] = FileSummary(number, content, spool: spool, ended: journal.ended)
        }
        journal.files = files
        journal.isStale = false
        held.store(files.values.reduce(0) { $0 + $1.held }, ordering: .relaxed)
        heldGauge.set(count)
        size.store(files.values.reduce(0) { $0 + $1.bytes }, ordering: .relaxed)
        shares?.set(total(journal))
    }

    /// Takes note of a letter that was appended.
    ///
    /// - Parameter bytes: of its line.
    func note(_ letter: DeadLetter, bytes: Int, in journal: inout Journal) {
        guard let shares else { return }
        let facts = LetterFacts(letter)
        journal.files?[journal.writer.number]?.add(facts, bytes: UInt64(bytes))
        let payload = letter.line.count + letter.detail.utf8.count + RecordLayout.rejectionHeader
        shares.add(UInt64(bytes), to: facts.input, payload: letter.isRefusal ? nil : payload)
    }

    /// Writes lines to the last file.
    func write(_ lines: [UInt8], _ journal: inout Journal) throws {
        let grown = try UInt64(journal.writer.append(lines))
        size.add(grown, ordering: .relaxed)
        let number = journal.writer.number
        journal.files?[number, default: FileSummary(ownFile: number)].bytes += grown
    }

    /// A row that the database refuses waits in the spool where its input's share is used up; a rejected line, of which the
    /// input may have sent some more before it heard of that, does not.
    func requireShare(of refusal: DeadLetter) throws {
        let input = refusal.source.input
        if shares?.share(of: input)?.isUsedUp ?? false { throw DeadLettersFull(input: input) }
    }

    private static var draftSuffix: String { ".new" }

    /// Writes a file anew, without what is over.
    private func compact(_ number: UInt64, _ journal: inout Journal, _ firstKept: SequenceNumber) throws {
        let name = JournalFileName.of(number)
        let content = try FileContent(directory.open(name, .reading))
        let own = Set(content.entries.lazy.filter(\.isLetter).map(\.id))
        var lines = Array(content.head)
        var gone: [SequenceNumber] = []
        for entry in content.entries {
            switch entry.kind {
            case .movedLine, .refusal: if journal.ended.contains(entry.id) { continue }
            // Its dead letter stands elsewhere, or its record is still in the spool.
            case .tombstone:
                if !own.contains(entry.id) || entry.id >= firstKept {
                    JournalEntry.tombstone(entry.id, to: &lines)
                } else {
                    gone.append(entry.id)
                }
                continue
            case .movedMark, nil: break
            }
            lines += content.line(entry)
        }
        if let moved = content.entries.last(where: { $0.kind == .movedLine })?.id {
            JournalEntry.mark(moved, to: &lines)
        }
        guard lines.count < content.bytes.count / 8 * 7 else {
            // Most of it are tombstones of records that the spool still keeps.
            journal.files?[number]?.futileAt = firstKept
            return
        }
        let draft = name + Self.draftSuffix
        if try directory.names().contains(draft) { try directory.remove(draft) }
        let file = try directory.open(draft, .creating)
        let outcome = lines.withUnsafeBytes { bytes in
            Result { () throws(SystemError) in try file.write([bytes], at: 0) }
        }
        try outcome.get()
        try file.synchronize()
        try directory.rename(draft, to: name)
        try directory.synchronizeDirectory()
        size.subtract(UInt64(content.bytes.count) - UInt64(lines.count), ordering: .relaxed)
        journal.files?[number] = FileSummary(number, FileContent(lines), spool: spool, ended: journal.ended)
        tellGone(gone)
    }

    /// Lets a file go as a whole.
    private func drop(
        _ number: UInt64, _ journal: inout Journal, _ firstKept: SequenceNumber,
        because reason: String
    ) throws {
        let content = try FileContent(directory.open(JournalFileName.of(number), .reading))
        let isOwn = content.isOwn(spool)
        let summary = FileSummary(number, content, spool: spool, ended: journal.ended)
        var lines: [UInt8] = []
        var fresh: [SequenceNumber] = []
        var gone: [SequenceNumber] = []
        if isOwn {
            for entry in content.entries where entry.isLetter && !journal.ended.contains(entry.id) {
                gone.append(entry.id)
            }
            for entry in content.entries where entry.id >= firstKept {
                let isFresh = entry.isLetter && !journal.ended.contains(entry.id)
                if isFresh { fresh.append(entry.id) }
                if isFresh || entry.kind == .tombstone { JournalEntry.tombstone(entry.id, to: &lines) }
            }
            JournalEntry.mark(journal.movedUpTo, to: &lines)
        }
        if !lines.isEmpty { try write(lines, &journal) }
        for id in fresh { journal.ended.insert(id) }
        if summary.held > 0 {
            diagnostics.warning(
                "\(summary.held) dead letters, received from \(summary.oldest ?? "?") to \(summary.newest ?? "?"), are dropped: "
                    + reason)
            endings["dropped"]?.add(summary.held)
        }
        try directory.remove(JournalFileName.of(number))
        try directory.synchronizeDirectory()
        if isOwn {
            let gone = Set(content.entries.lazy.map(\.id).filter { $0 < firstKept })
            journal.ended.subtract(gone)
        }
        journal.files?[number] = nil
        size.subtract(UInt64(content.bytes.count), ordering: .relaxed)
        heldGauge.set(held.subtract(summary.held, ordering: .relaxed).newValue)
        tellGone(gone)
    }
}

extension FileSummary {
    /// Whether all that it holds is older; nothing that it holds is no reason to go.
    fileprivate func isOlder(than cutoff: String) -> Bool { newest.map { $0 < cutoff } ?? false }
}

/// A row that the database refused cannot be kept: its input's share of the space is used up.
struct DeadLettersFull: Error, CustomStringConvertible {
    let input: String

    var description: String {
        "the share of the input \(input) in dead_letters.max_bytes is used up: retry or discard some, or give them more room"
    }
}
