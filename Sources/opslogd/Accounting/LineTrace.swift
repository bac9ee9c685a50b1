import DeadLetters
import Intake
import LinuxSystem
import OperationLogs
import Spool

/// Looks for lines in the spool, the dead letters, the lists of what is lost and the positions of files, in this order.
struct LineTrace {
    let files: StateFiles
    let spool: SpoolInspector<DirectoryStorage>
    let standing: SpoolStanding
    let fates: RecordFates

    /// - Parameter lanes: where a running daemon knows its lanes to be, beyond what the spool's cursor says.
    init(_ files: StateFiles, asked: Set<SequenceNumber>, lanes: [String: UInt64]) throws {
        self.files = files
        spool = try files.spool()
        guard var standing = try spool.standing() else {
            throw CommandFailure(.noInput, "\(files.path)/spool holds no spool: the daemon has not run here yet")
        }
        for kind in EventKind.allCases {
            let position = SequenceNumber(lanes[kind.name] ?? 0)
            if position > standing.positions[kind]?.position ?? .zero {
                standing.positions[kind] = LanePosition(lane: kind, position: position, origin: nil)
            }
        }
        self.standing = standing
        fates = RecordFates(
            standing: standing, letters: try files.letterRegister(of: standing.birthName, endsOf: asked), rows: nil)
    }

    /// The record of this number.
    func line(_ sequence: SequenceNumber) throws -> TracedLine {
        var found: TracedLine?
        var last = SequenceNumber.zero
        try spool.forEachGroup(from: sequence) { group in
            last = group.lastSequence
            guard group.holds(sequence) else { return false }
            try group.forEachChunk { chunk in
                let originators = try chunk.originators()
                var records = RecordCursor(chunk)
                while let record = try records.next() {
                    guard record.sequence == sequence, Int(record.originator) < originators.count else { continue }
                    found = try line(record, originators[Int(record.originator)])
                }
            }
            return false
        }
        if let found { return found }
        if let letter = try letter({ $0.id == sequence }) { return line(letter) }
        return absent(sequence, isBehind: last < sequence)
    }

    /// The lines of a file that hold this byte, newest last: the file may have been read under the same name before.
    func lines(_ paths: Set<String>, _ byte: UInt64, key: UInt64?) throws -> [TracedLine] {
        /// Of each stretch of growing offsets of the path, the last line that begins at or before the byte.
        var candidates: [(line: TracedLine, isClosed: Bool)] = []
        var lastOffset: UInt64 = .max
        try spool.forEachGroup(from: SequenceNumber(1)) { group in
            try group.forEachChunk { chunk in
                let originators = try chunk.originators()
                let wanted = originators.map { $0.path.map(paths.contains) ?? false }
                guard wanted.contains(true) else { return }
                var records = RecordCursor(chunk)
                while let record = try records.next() {
                    guard Int(record.originator) < wanted.count, wanted[Int(record.originator)],
                        record.kind != RecordLayout.retryNote
                    else { continue }
                    if record.offset <= lastOffset, lastOffset != .max, let last = candidates.indices.last {
                        candidates[last].isClosed = true
                    }
                    lastOffset = record.offset
                    let isOpen = candidates.last.map { !$0.isClosed } ?? false
                    if record.offset <= byte {
                        if isOpen { candidates.removeLast() }
                        candidates.append((try line(record, originators[Int(record.originator)]), false))
                    } else if isOpen {
                        candidates[candidates.count - 1].isClosed = true
                    }
                }
            }
            return true
        }
        var lines = candidates.map(\.line)
        let positions = try spool.positions().compactMap { FilePositionSummary(key: $0.key, value: $0.value) }
        let own = positions.filter { paths.contains($0.path) || $0.inode == key }
        // The last line that is there may end before the byte: then nothing was read of it yet.
        if let position = own.max(by: { $0.offset < $1.offset }), byte >= position.offset {
            if lines.last.map({ $0.offset ?? 0 < position.offset }) ?? false { lines.removeLast() }
            lines.append(notRead(position, byte))
        }
        if !lines.isEmpty { return lines }
        if let lost = try lost(paths, byte) { return [lost] }
        if let letter = try letter({ $0.source.path.map(paths.contains) ?? false && $0.offset <= byte && byte < $0.end }
        ) {
            return [line(letter)]
        }
        if let position = own.first { return [forgotten(position, byte)] }
        return [
            TracedLine(
                state: .unknown,
                sentence: "no input has read such a file, as far as the spool knows; see 'opslogd inputs list'",
                path: paths.sorted().first, offset: byte)
        ]
    }

    // MARK: What is said

    private func line(_ record: RecordView, _ originator: RecordOriginator) throws -> TracedLine {
        let fate = fates.fate(record.kind, record.sequence)
        let kind = EventKind(rawValue: record.kind)
        var line = TracedLine(
            state: .inSpool, sentence: "", sequence: record.sequence, received: record.received,
            input: originator.input, path: originator.path, offset: record.offset, table: kind?.name,
            lanePosition: kind.flatMap { standing.positions[$0]?.position })
        if record.kind == RecordLayout.rejectedLine {
            let rejected = try RejectedLine(record.payload)
            line.reason = rejected.reason.name
            line.detail = rejected.detail
        }
        switch fate {
        case .delivered:
            line.state = .delivered
            line.sentence =
                kind == .pipelineWatermarks
                ? "delivered: the watermark is in its table, or a newer one has overtaken it"
                : "delivered: it is in its table"
        case .deadLetter: describeLetter(&line)
        case .inSpool:
            line.sentence =
                kind == nil
                ? "rejected, durable in the spool, and on its way to the dead letters"
                : "read and durable in the spool, and not delivered yet; see 'opslogd status' for what holds it up"
        case .passedOver:
            line.state = .passedOver
            line.sentence =
                "passed over: it was delivered under a former name of the spool, is left to another history, or was discarded"
        case .notInDatabase:
            line.state = .notInDatabase
            line.sentence = "delivered once, and the database was set back since; see 'opslogd reconcile'"
        case .stranded:
            line.state = .unaccounted
            line.sentence = "it counts as done, and is in no table and no dead letter; see 'opslogd reconcile'"
        case .note:
            line.state = .note
            line.sentence = "no line: a note that a dead letter was sent again, as the record before"
            if let note = try RetryNote(record) { line.detail = "the dead letter \(note.letter)" }
        }
        return line
    }

    private func describeLetter(_ line: inout TracedLine) {
        guard let sequence = line.sequence else { return }
        line.state = .deadLetter
        line.sentence = "a dead letter: see 'opslogd dead-letters show \(sequence.rawValue)'"
        if let letter = try? letter({ $0.id == sequence }) {
            line.reason = letter.reason.name
            line.detail = letter.detail
        }
        guard fates.letters.isEnded(sequence) || sequence <= fates.letters.droppedUpTo && line.detail == nil else {
            return
        }
        line.state = .ended
        let end = fates.letters.ends[sequence]
        line.end = end
        let verb =
            end?.contains(#""fate":"retried""#) ?? false
            ? "was sent again" : end?.contains(#""fate":"discarded""#) ?? false ? "was discarded" : "was dropped"
        line.sentence = "a dead letter that is over: it \(verb)"
    }

    private func line(_ letter: DeadLetter) -> TracedLine {
        TracedLine(
            state: .deadLetter, sentence: "a dead letter: see 'opslogd dead-letters show \(letter.id.rawValue)'",
            sequence: letter.id, received: letter.time, input: letter.source.input, path: letter.source.path,
            offset: letter.offset, table: letter.event?.name, reason: letter.reason.name, detail: letter.detail)
    }

    private func absent(_ sequence: SequenceNumber, isBehind: Bool) -> TracedLine {
        if fates.letters.isEnded(sequence) {
            var line = TracedLine(state: .ended, sentence: "", sequence: sequence)
            describeLetter(&line)
            return line
        }
        if let range = standing.lostRanges.first(where: { $0.first <= sequence && sequence < $0.next }) {
            let isDone = sequence <= min(standing.settled, standing.moved)
            return TracedLine(
                state: .lost,
                sentence: "it stood in a damaged place of the spool, with \(range.records)"
                    + (isDone ? "; it may have been delivered before" : "") + "; see 'opslogd spool reread'",
                sequence: sequence)
        }
        if sequence == .zero || isBehind && sequence > max(standing.settled, standing.moved) {
            return TracedLine(state: .unknown, sentence: "there is no such record yet", sequence: sequence)
        }
        return TracedLine(
            state: .forgotten,
            sentence: "it had its fate, in a table or among the dead letters, and its segment is no longer kept",
            sequence: sequence)
    }

    private func notRead(_ position: FilePositionSummary, _ byte: UInt64) -> TracedLine {
        TracedLine(
            state: .notRead,
            sentence: "not read yet: the file is read up to byte \(position.offset)"
                + (position.isInDoubt ? ", and waits until it is known what the spool has lost of it" : ""),
            input: position.input, path: position.path, offset: byte)
    }

    private func forgotten(_ position: FilePositionSummary, _ byte: UInt64) -> TracedLine {
        TracedLine(
            state: .forgotten,
            sentence:
                "no longer known: the file is read up to byte \(position.offset), and what was read of this place had its "
                + "fate and is not kept (a line of white space only is no record)",
            input: position.input, path: position.path, offset: byte)
    }

    private func lost(_ paths: Set<String>, _ byte: UInt64) throws -> TracedLine? {
        for loss in try spool.losses() {
            let source = loss.sources.first {
                paths.contains($0.path) && $0.from <= byte && byte < $0.upTo ?? .max
            }
            guard let source else { continue }
            return TracedLine(
                state: .lost,
                sentence: "it stood in a damaged place of the spool (range \(loss.number), "
                    + "\(loss.state.rawValue.replacing("_", with: " "))); see 'opslogd spool reread'",
                input: source.input, path: source.path, offset: byte)
        }
        return nil
    }

    private func letter(_ isIt: (DeadLetter) -> Bool) throws -> DeadLetter? {
        var found: DeadLetter?
        try files.forEachDeadLetter(DeadLetterFilter()) { letter in
            if isIt(letter) { found = letter }
            return found == nil
        }
        return found
    }
}

extension DeadLetter {
    /// Behind the last byte that is known of it.
    fileprivate var end: UInt64 { offset + UInt64(line.count) + 1 }
}
