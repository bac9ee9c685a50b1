import Intake
import LinuxSystem
import OperationLogs
import Spool

/// Looks for lines in the spool, the dead letters, the lists of what is lost and the positions of files, in this order.
struct LineTrace {
    private typealias KnownFile = (key: [UInt8], position: FilePositionSummary)

    let files: StateFiles
    let spool: SpoolInspector<DirectoryStorage>
    let standing: SpoolStanding

    /// - Parameter lanes: where a running daemon knows its lanes to be, beyond what the spool's cursor says.
    init(_ files: StateFiles, lanes: [String: UInt64]) throws {
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
    }

    /// The record of this number.
    func line(_ sequence: SequenceNumber) throws -> TracedLine {
        try line(sequence, RecordWords(files, standing, of: [sequence]))
    }

    private func line(_ sequence: SequenceNumber, _ words: RecordWords) throws -> TracedLine {
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
                    found = try words.line(record, originators[Int(record.originator)])
                }
            }
            return false
        }
        if let found { return found }
        if let letter = try files.deadLetter({ $0.id == sequence }) { return words.line(letter) }
        return words.absent(sequence, isBehind: last < sequence)
    }

    /// The lines of a file that hold this byte, newest last: the file may have been read under the same name before.
    ///
    /// - Parameter identity: who has the name now. By that a renamed file is found: its lines keep the name under which it
    ///   was first seen.
    func lines(_ names: Set<String>, _ byte: UInt64, of identity: FileIdentity?) throws -> [TracedLine] {
        var renamed: (key: [UInt8], name: String)?
        if let file = try present(identity, among: positions()), !names.contains(file.position.path) {
            renamed = (file.key, file.position.path)
        }
        var search = ByteSearch(names: names, byte: byte, file: renamed)
        try spool.forEachGroup(from: SequenceNumber(1)) { group in
            try group.forEachChunk { chunk in try search.take(chunk) }
            return true
        }
        let found = search.found
        // Not before they are known: how a dead letter ended is read for those that are asked for.
        let words = try RecordWords(files, standing, of: Set(found))
        var lines = try found.map { sequence in try line(sequence, words) }
        // Behind the search, which takes its time beside a daemon at work.
        let known = try positions()
        let own = known.map(\.position).filter { names.contains($0.path) }
        let its = present(identity, among: known)?.position
        if let position = its ?? own.max(by: { $0.offset < $1.offset }), byte >= position.offset {
            lines.append(notRead(position, byte))
        }
        if !lines.isEmpty { return lines }
        let recorded = names.union(its.map { [$0.path] } ?? [])
        if let lost = try lost(recorded, byte) { return [lost] }
        let letter = try files.deadLetter { letter in
            letter.source.path.map(recorded.contains) ?? false && letter.offset <= byte && byte < letter.end
        }
        if let letter { return [words.line(letter)] }
        if let position = its ?? own.first { return [forgotten(position, byte)] }
        return [
            TracedLine(
                state: .unknown,
                sentence: "no input has read such a file, as far as the spool knows; see 'opslogd inputs list', and "
                    + "ask for a file that was renamed by the name under which it was read",
                path: names.sorted().first, offset: byte)
        ]
    }

    private func positions() throws -> [KnownFile] {
        try spool.positions().compactMap { entry in
            FilePositionSummary(key: entry.key, value: entry.value).map { (key: entry.key, position: $0) }
        }
    }

    private func present(_ identity: FileIdentity?, among positions: [KnownFile]) -> KnownFile? {
        guard let identity else { return nil }
        let boot = BootIdentity.current()
        let its = positions.filter { $0.position.isOf(identity, boot: boot) }
        // Of one that was truncated, the old content may have a position too, until its copy is found.
        return its.first { $0.position.offset <= identity.size } ?? its.first
    }

    // MARK: What is said where there is no record

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
}

extension DeadLetter {
    /// Behind the last byte that is known of it.
    fileprivate var end: UInt64 { offset + UInt64(line.count) + 1 }
}
