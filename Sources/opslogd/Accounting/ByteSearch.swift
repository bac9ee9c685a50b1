import Intake
import OperationLogs

/// Looks for the records of the lines that hold one byte of a file; is given the chunks of the spool in their order.
///
/// A position stands in the chunk with the lines that it passes over, and its key names one content of one file: so lines
/// are told apart where a name was used several times, and it is known where each chunk's reading ended. What was sent
/// again has none of this: it carries the offset of its line, from whenever that was, and goes with its dead letter.
struct ByteSearch {
    /// Names under which lines are recorded.
    private let names: Set<String>
    private let byte: UInt64
    /// One file that is meant besides: the key of its position, and the name under which its lines are recorded.
    private let file: (key: [UInt8], name: String)?

    private var contents: [Content] = []
    private var sentAgain: [(letter: SequenceNumber, record: Line)] = []
    private var firstKept: SequenceNumber?

    init(names: Set<String>, byte: UInt64, file: (key: [UInt8], name: String)? = nil) {
        self.names = names
        self.byte = byte
        self.file = file
    }

    mutating func take(_ chunk: ChunkReader) throws {
        firstKept = firstKept ?? chunk.firstSequence
        let paths: [String?] = try chunk.originators().map { originator in
            originator.path.flatMap { isMeant($0) ? $0 : nil }
        }
        guard paths.contains(where: { $0 != nil }) else { return }
        let readings = try readings(in: chunk)
        var content: Int?
        // The note that a line was sent again stands behind it, in the same chunk.
        var line: Line?
        var records = RecordCursor(chunk)
        while let record = try records.next() {
            if let note = try RetryNote(record) {
                if let line { sentAgain.append((note.letter, line)) }
                line = nil
                continue
            }
            if let line { content = take(line, readings, after: content) }
            let index = Int(record.originator)
            line = (index < paths.count ? paths[index] : nil).map {
                Line(sequence: record.sequence, offset: record.offset, path: $0)
            }
        }
        if let line { _ = take(line, readings, after: content) }
        for reading in readings { contents[reading.content].readUpTo = reading.upTo }
    }

    /// The records that were found, oldest first.
    var found: [SequenceNumber] {
        let keyed = contents.filter { $0.key != nil && (names.contains($0.path) || $0.key == file?.key) }
        var found = Set(keyed.flatMap { $0.lines(holding: byte) })
        if found.isEmpty {
            let others = contents.filter { $0.key == nil && byte < farthest($0.path) }
            found = Set(others.flatMap { $0.lines(holding: byte) })
        }
        for (letter, record) in sentAgain where found.contains(letter) || isAlone(letter, record) {
            found.insert(record.sequence)
        }
        return found.sorted()
    }

    private func isMeant(_ path: String) -> Bool { names.contains(path) || path == file?.name }

    /// Whether of a line only what was sent again is kept. How long it was is not known then: it has its first byte at least.
    private func isAlone(_ letter: SequenceNumber, _ record: Line) -> Bool {
        record.offset == byte && names.contains(record.path) && firstKept.map { letter < $0 } ?? false
    }

    /// Up to where contents that were read under this name reach.
    private func farthest(_ path: String) -> UInt64 {
        contents.filter { $0.key != nil && $0.path == path }.map(\.readUpTo).max() ?? .max
    }

    // MARK: Whose line it is

    private struct Line {
        let sequence: SequenceNumber
        let offset: UInt64
        let path: String
    }

    /// What a chunk holds of a content, as two positions say it.
    private struct Reading {
        /// Its index.
        let content: Int
        let from: UInt64
        let upTo: UInt64
    }

    private mutating func readings(in chunk: ChunkReader) throws -> [Reading] {
        var positions: [(key: [UInt8], path: String, offset: UInt64)] = []
        try chunk.forEachPosition { key, value in
            guard let position = FilePositionSummary(key: Array(key), value: Array(value)), isMeant(position.path)
            else { return }
            positions.append((Array(key), position.path, position.offset))
        }
        return positions.map { position in
            let content = index(of: position.path, position.key)
            return Reading(content: content, from: contents[content].readUpTo, upTo: position.offset)
        }
    }

    private mutating func index(of path: String, _ key: [UInt8]?) -> Int {
        if let known = contents.firstIndex(where: { $0.path == path && $0.key == key }) { return known }
        contents.append(Content(path: path, key: key))
        return contents.count - 1
    }

    /// - Parameter last: the content that the line before it is of.
    /// - Returns: the content that it is of.
    private mutating func take(_ line: Line, _ readings: [Reading], after last: Int?) -> Int {
        var its: Reading?
        for reading in readings where contents[reading.content].path == line.path {
            guard reading.from <= line.offset, line.offset < reading.upTo,
                contents[reading.content].last.map({ $0 < line.offset }) ?? true
            else { continue }
            // Where two files of one name have been read, the lines of each stand together.
            if reading.content == last || its.map({ $0.from < reading.from }) ?? true { its = reading }
            if reading.content == last { break }
        }
        // Of lines that were read again after damage no position tells.
        let content = its?.content ?? index(of: line.path, nil)
        contents[content].take(line, upTo: its?.upTo ?? .max, byte)
        return content
    }

    /// One content of one file; without a key, lines of a name of which no position tells.
    private struct Content {
        let path: String
        let key: [UInt8]?
        var readUpTo: UInt64 = 0
        /// The offset of the last line.
        private(set) var last: UInt64?
        /// Of each stretch of growing offsets, the last line that begins at or before the byte, and where it has ended at
        /// the latest. With a key there is one stretch.
        private var candidates: [(line: Line, end: UInt64)] = []
        private var isOpen = false

        init(path: String, key: [UInt8]?) {
            self.path = path
            self.key = key
        }

        mutating func take(_ line: Line, upTo end: UInt64, _ byte: UInt64) {
            if let last, line.offset <= last { isOpen = false }
            last = line.offset
            guard line.offset <= byte else {
                isOpen = false
                return
            }
            if isOpen { candidates.removeLast() }
            candidates.append((line, end))
            isOpen = true
        }

        func lines(holding byte: UInt64) -> [SequenceNumber] {
            candidates.filter { byte < $0.end }.map(\.line.sequence)
        }
    }
}
