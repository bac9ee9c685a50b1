import OperationLogs

/// How an entry's line ended where it was printed: the field `_LINE_BREAK` of systemd.journal-fields(7).
enum JournalLineEnd: Sendable, Hashable {
    /// With a line feed, of which nothing is said, or a NUL byte.
    case ended
    /// It goes on in the next entry of its stream: it was longer than journald's `LineMax=`.
    case goesOn
    /// Nothing more came of it: the stream was closed, or another process goes on with it.
    case stopped

    init(lineBreak: UnsafeRawBufferPointer?) {
        guard let lineBreak else {
            self = .ended
            return
        }
        if lineBreak.elementsEqual("line-max".utf8) {
            self = .goesOn
        } else {
            let isStopped = lineBreak.elementsEqual("eof".utf8) || lineBreak.elementsEqual("pid-change".utf8)
            self = isStopped ? .stopped : .ended
        }
    }
}

/// Who printed a line.
struct JournalSender: Sendable, Hashable {
    var unit: String?
    var uid: UInt32?
    var pid: UInt32?
}

/// Puts lines together again that journald has cut into several entries, each by the stream on which it came.
///
/// Bounded in lines and bytes: beyond, the oldest line counts as ended where it stands.
struct JournalLineJoiner {
    /// The parts of a line so far.
    struct Line {
        let stream: [UInt8]
        let begin: JournalPlace
        let sender: JournalSender
        /// Up to the longest line, or its beginning if it is longer.
        var kept: [UInt8] = []
        /// Of all parts.
        var total = 0
        /// When the last part was seen; monotonic nanoseconds.
        var lastPart: UInt64
    }

    private let maxLineBytes: Int
    private let mostBytes: Int
    private(set) var lines: [Line] = []

    init(maxLineBytes: Int, mostBytes: Int = ChunkWindow.defaultLimitBytes) {
        self.maxLineBytes = maxLineBytes
        self.mostBytes = max(mostBytes, maxLineBytes)
    }

    var isEmpty: Bool { lines.isEmpty }
    /// What a position holds of them.
    var unfinished: [JournalPosition.Unfinished] { lines.map { .init(stream: $0.stream, begin: $0.begin) } }
    /// When the part was seen that was seen first, of the last parts of each.
    var oldestPart: UInt64? { lines.map(\.lastPart).min() }

    func holds(_ stream: UnsafeRawBufferPointer) -> Bool { lines.contains { stream.isSame(as: $0.stream) } }

    /// Begins a line; its first part comes like the others.
    mutating func begin(_ stream: [UInt8], at place: JournalPlace, from sender: JournalSender, now: UInt64) {
        lines.append(Line(stream: stream, begin: place, sender: sender, lastPart: now))
    }

    /// Takes a part.
    ///
    /// - Returns: the line, if that was its end.
    mutating func go(
        on stream: UnsafeRawBufferPointer, _ part: UnsafeRawBufferPointer, _ end: JournalLineEnd, now: UInt64
    ) -> Line? {
        guard let index = lines.firstIndex(where: { stream.isSame(as: $0.stream) }) else { return nil }
        add(part, to: &lines[index])
        lines[index].lastPart = now
        return end == .goesOn ? nil : lines.remove(at: index)
    }

    /// The oldest line, if there are more or longer ones than may be kept.
    mutating func removeSurplus() -> Line? {
        guard lines.count > JournalPosition.mostUnfinished || lines.reduce(0, { $0 + $1.kept.count }) > mostBytes
        else { return nil }
        return lines.removeFirst()
    }

    /// A line of which no part was seen since then, if there is one.
    mutating func removeQuiet(since time: UInt64) -> Line? {
        lines.firstIndex { $0.lastPart <= time }.map { lines.remove(at: $0) }
    }

    mutating func removeAll() { lines = [] }

    private func add(_ part: UnsafeRawBufferPointer, to line: inout Line) {
        line.total += part.count
        if line.total <= maxLineBytes {
            line.kept.append(contentsOf: part)
        } else if line.kept.count > RecordLayout.keptOfOverlongLine {
            // Too long: the dead letter holds its beginning.
            line.kept = Array(line.kept.prefix(RecordLayout.keptOfOverlongLine))
        } else {
            line.kept.append(contentsOf: part.prefix(RecordLayout.keptOfOverlongLine - line.kept.count))
        }
    }
}
