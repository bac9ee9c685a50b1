import OperationLogs

/// What one connection has sent and been told: a state machine without I/O.
///
/// Lines are counted as they end, and belong to the chunk that is open then. When that chunk closes, its ticket is
/// remembered with the count; when the ticket is durable, the client is told the count. The first line decides whether
/// anything is told at all.
package struct SocketSession {
    private struct Mark {
        let ticket: UInt64
        var lines: UInt64
        var answers: Int
    }

    /// Lines that ended: events, rejected ones and empty ones; control lines are not counted.
    package private(set) var lines: UInt64 = 0
    /// Whether the first line asked to be told what is durable.
    package private(set) var acknowledges = false
    /// Whether nothing more will be read.
    package private(set) var hasEnded = false
    package var answers = AnswerQueue()

    /// What was asked and not answered yet.
    package var questions = WatermarkQuestions()

    private var hasSeenFirstLine = false
    /// Chunks that are under way with lines of this connection, oldest first.
    private var marks: [Mark] = []
    private var lastTold: UInt64?

    package init() {}

    /// The number of the next line.
    package var nextLine: UInt64 { lines + 1 }

    /// Lines ended, and these of them were rejected.
    package mutating func received(lines count: Int, rejections: [LineEncoder.Rejection]) {
        guard count > 0 else { return }
        hasSeenFirstLine = true
        lines += UInt64(count)
        guard acknowledges else { return }
        for rejection in rejections { answers.hold(rejection) }
    }

    /// A control line came.
    ///
    /// - Returns: whether the client is to be told of durable and rejected lines from now on.
    package mutating func received(_ control: ControlLine) -> Bool {
        let isFirst = !hasSeenFirstLine
        hasSeenFirstLine = true
        switch control {
        case .acknowledge where isFirst:
            acknowledges = true
            return true
        case .acknowledge:
            answers.add(error: "ack is for the first line of a connection; this connection goes on as it began")
        case .watermark(let pipeline): questions.add(pipeline)
        case .unknown:
            answers.add(
                error: #"unknown control line; known are {"opslogd":{"ack":true}} as the first line, and "#
                    + #"{"opslogd":{"watermark":"NAME"}}"#)
        }
        return false
    }

    /// The open chunk was closed as `ticket`, or (nil) nothing had to be closed.
    ///
    /// - Returns: whether a `durable` waits for that ticket.
    package mutating func chunkClosed(as ticket: UInt64?) -> Bool {
        guard acknowledges, lines > (marks.last?.lines ?? lastTold ?? 0) else { return false }
        if let ticket {
            marks.append(Mark(ticket: ticket, lines: lines, answers: answers.mark))
            return true
        }
        // Only empty lines came: they are as durable as what stands before them.
        if marks.isEmpty {
            tell(lines, answers.mark)
        } else {
            marks[marks.count - 1].lines = lines
            marks[marks.count - 1].answers = answers.mark
        }
        return false
    }

    /// Everything up to `ticket` is on disk, synced.
    package mutating func durable(upTo ticket: UInt64) {
        questions.durable(upTo: ticket)
        let reached = marks.prefix { $0.ticket <= ticket }
        guard let newest = reached.last else { return }
        marks.removeFirst(reached.count)
        tell(newest.lines, newest.answers)
    }

    /// The client will send nothing more, and what it has sent stands in closed chunks.
    package mutating func ended() {
        hasEnded = true
        if acknowledges, marks.isEmpty, lastTold == nil { tell(lines, answers.mark) }
    }

    /// Whether there is nothing left to do: the connection is to be closed.
    package var isDone: Bool {
        hasEnded && (answers.isMuted || marks.isEmpty && questions.isEmpty && !answers.hasOutput)
    }

    /// Whether the client is to read or to wait for answers before more is read from it.
    package var isFull: Bool { answers.isFull || questions.isFull }
    /// Whether a connection that was stopped because of `isFull` may be read from again.
    package var hasDrained: Bool { answers.hasDrained && questions.hasDrained }

    /// The answer to a question; it is told once those to all earlier questions are.
    package mutating func answered(_ question: UInt64, with line: String) {
        for line in questions.answered(question, with: line) { answers.add(line: line) }
    }

    private mutating func tell(_ lines: UInt64, _ mark: Int) {
        lastTold = lines
        answers.release(upTo: mark, durable: lines)
    }
}
