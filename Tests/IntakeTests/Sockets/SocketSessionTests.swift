import Testing

@testable import Intake
@testable import OperationLogs

@Suite struct SocketSessionTests {
    private func acknowledging() -> TestSession {
        let session = TestSession()
        #expect(session.received(.acknowledge))
        return session
    }

    private func rejection(_ line: UInt64, _ detail: String = "x is required") -> LineEncoder.Rejection {
        LineEncoder.Rejection(offset: line, column: 1, reason: .missingField, detail: detail)
    }

    /// Everything that is written now, if the pipe has room.
    private func output(_ session: TestSession) -> String {
        var text = ""
        session.answers.flush {
            text += String(decoding: $0, as: UTF8.self)
            return .wrote($0.count)
        }
        return text
    }

    @Test func `without the request nothing is ever told`() {
        let session = TestSession()
        session.received(lines: 3, rejections: [rejection(2)])
        #expect(!session.chunkClosed(as: 1))
        session.durable(upTo: 1)
        session.ended()
        #expect(output(session) == "")
        #expect(session.isDone)
        #expect(session.lines == 3)
    }

    @Test func `a count is told when its chunk is durable and not before`() {
        let session = acknowledging()
        session.received(lines: 2, rejections: [])
        #expect(session.chunkClosed(as: 7))
        #expect(output(session) == "")
        session.durable(upTo: 6)
        #expect(output(session) == "")
        session.durable(upTo: 7)
        #expect(output(session) == "{\"durable\":2}\n")
    }

    @Test func `chunks that become durable together are told once`() {
        let session = acknowledging()
        for ticket in 1...5 as ClosedRange<UInt64> {
            session.received(lines: 10, rejections: [])
            #expect(session.chunkClosed(as: ticket))
        }
        session.durable(upTo: 4)
        #expect(output(session) == "{\"durable\":40}\n")
        session.durable(upTo: 9)
        #expect(output(session) == "{\"durable\":50}\n")
    }

    @Test func `a rejection is told before the number that covers it and after the one that does not`() {
        let session = acknowledging()
        session.received(lines: 1, rejections: [])
        #expect(session.chunkClosed(as: 1))
        session.received(lines: 2, rejections: [rejection(3, "a \"quoted\" word")])
        #expect(session.chunkClosed(as: 2))
        session.durable(upTo: 1)
        #expect(output(session) == "{\"durable\":1}\n")
        session.durable(upTo: 2)
        #expect(
            output(session)
                == #"{"rejected":{"line":3,"reason":"missing_field","detail":"a \"quoted\" word"}}"#
                + "\n{\"durable\":3}\n")
    }

    @Test func `empty lines with nothing under way are durable at once`() {
        let session = acknowledging()
        session.received(lines: 4, rejections: [])
        #expect(!session.chunkClosed(as: nil))
        #expect(output(session) == "{\"durable\":4}\n")
    }

    @Test func `empty lines behind others are told with them`() {
        let session = acknowledging()
        session.received(lines: 1, rejections: [])
        #expect(session.chunkClosed(as: 1))
        session.received(lines: 2, rejections: [])
        #expect(!session.chunkClosed(as: nil))
        #expect(output(session) == "")
        session.durable(upTo: 1)
        #expect(output(session) == "{\"durable\":3}\n")
    }

    @Test func `a connection without a line is told nought before it is closed`() {
        let session = acknowledging()
        session.ended()
        #expect(!session.isDone)
        #expect(output(session) == "{\"durable\":0}\n")
        #expect(session.isDone)
    }

    @Test func `the end waits for the last number`() {
        let session = acknowledging()
        session.received(lines: 1, rejections: [])
        #expect(session.chunkClosed(as: 1))
        session.ended()
        #expect(!session.isDone)
        session.durable(upTo: 1)
        #expect(!session.isDone)
        #expect(output(session) == "{\"durable\":1}\n")
        #expect(session.isDone)
    }

    @Test func `an ack after the first line and an unknown question are answered with errors`() {
        let session = TestSession()
        session.received(lines: 1, rejections: [])
        #expect(!session.received(.acknowledge))
        #expect(output(session).hasPrefix("{\"error\":\"ack is for the first line"))
        #expect(!session.received(.unknown))
        #expect(output(session).hasPrefix("{\"error\":\"unknown control line"))
        #expect(session.lines == 1)
        #expect(!session.acknowledges)
    }

    @Test func `a question is asked once the lines before it are durable, and answered in its turn`() {
        let session = TestSession()
        session.received(lines: 1, rejections: [])
        #expect(!session.received(.watermark(pipeline: [97])))
        #expect(session.takeDue().isEmpty, "its line may still stand in the open chunk")
        #expect(session.questionsWait(for: 4))
        #expect(!session.questionsWait(for: 5), "it waits already")
        #expect(!session.received(.watermark(pipeline: [98])))
        #expect(session.questionsWait(for: 5))
        session.durable(upTo: 3)
        #expect(session.takeDue().isEmpty)
        session.durable(upTo: 4)
        #expect(session.takeDue() == ["1: a"])
        #expect(session.takeDue().isEmpty, "asked once")
        session.durable(upTo: 5)
        #expect(session.takeDue() == ["2: b"])
        session.ended()
        session.answered(2, with: "second")
        #expect(output(session) == "" && !session.isDone)
        session.answered(1, with: "first")
        #expect(output(session) == "first\nsecond\n")
        #expect(session.isDone)
    }

    @Test func `a client that asks more than is answered is read no further`() {
        let session = TestSession()
        let limit = UInt64(WatermarkQuestions.limit)
        for _ in 0..<limit {
            #expect(!session.isFull)
            #expect(!session.received(.watermark(pipeline: [97])))
        }
        #expect(session.isFull && !session.hasDrained)
        #expect(session.questionsWait(for: 0))
        session.durable(upTo: 0)
        #expect(session.takeDue().count == Int(limit))
        for question in 1...limit / 2 { session.answered(question, with: "x") }
        #expect(!session.isFull && session.hasDrained)
    }

    @Test func `an unknown first control line uses up the first line`() {
        let session = TestSession()
        #expect(!session.received(.unknown))
        #expect(!session.received(.acknowledge))
        #expect(!session.acknowledges)
    }

    @Test func `while the client does not read only the newest number waits`() {
        let session = acknowledging()
        var taken = ""
        for ticket in 1...1000 as ClosedRange<UInt64> {
            session.received(lines: 1, rejections: [])
            #expect(session.chunkClosed(as: ticket))
            session.durable(upTo: ticket)
            // The pipe took the first answer, and is full since.
            session.answers.flush {
                guard taken.isEmpty else { return .noRoom }
                taken = String(decoding: $0, as: UTF8.self)
                return .wrote($0.count)
            }
        }
        #expect(taken == "{\"durable\":1}\n")
        #expect(output(session) == "{\"durable\":2}\n{\"durable\":1000}\n")
    }

    @Test func `answers that nobody reads fill up and drain`() {
        let session = acknowledging()
        var line: UInt64 = 0
        while !session.answers.isFull {
            line += 1
            session.received(lines: 1, rejections: [rejection(line)])
        }
        #expect(line < 20_000)
        #expect(session.chunkClosed(as: 1))
        session.durable(upTo: 1)
        session.answers.flush { _ in .noRoom }
        #expect(session.answers.isFull)
        let text = output(session)
        #expect(text.hasSuffix("{\"durable\":\(line)}\n"))
        #expect(text.utf8.filter { $0 == 0x0a }.count == Int(line) + 1)
        #expect(session.answers.hasDrained)
    }

    @Test func `a write in pieces loses nothing`() {
        let session = acknowledging()
        session.received(lines: 2, rejections: [rejection(1), rejection(2)])
        #expect(session.chunkClosed(as: 1))
        session.durable(upTo: 1)
        var text: [UInt8] = []
        var turn = 0
        while session.answers.hasOutput {
            session.answers.flush {
                turn += 1
                guard turn % 3 != 0 else { return .noRoom }
                text += $0.prefix(7)
                return .wrote(min(7, $0.count))
            }
        }
        #expect(
            String(decoding: text, as: UTF8.self)
                == (1...2).map {
                    "{\"rejected\":{\"line\":\($0),\"reason\":\"missing_field\",\"detail\":\"x is required\"}}\n"
                }.joined() + "{\"durable\":2}\n")
    }

    @Test func `a client that is gone is told nothing and keeps nobody waiting`() {
        let session = acknowledging()
        session.received(lines: 1, rejections: [rejection(1)])
        #expect(session.chunkClosed(as: 1))
        session.answers.mute()
        session.ended()
        #expect(session.isDone)
        session.durable(upTo: 1)
        #expect(output(session) == "")
    }
}

/// A session whose steps can stand in an expectation.
private final class TestSession {
    private var state = SocketSession()

    var lines: UInt64 { state.lines }
    var acknowledges: Bool { state.acknowledges }
    var isDone: Bool { state.isDone }
    var answers: AnswerQueue {
        get { state.answers }
        set { state.answers = newValue }
    }

    func received(lines: Int, rejections: [LineEncoder.Rejection]) {
        state.received(lines: lines, rejections: rejections)
    }
    func received(_ control: ControlLine) -> Bool { state.received(control) }
    func chunkClosed(as ticket: UInt64?) -> Bool { state.chunkClosed(as: ticket) }
    func durable(upTo ticket: UInt64) { state.durable(upTo: ticket) }
    func ended() { state.ended() }

    // Questions for watermarks.
    var isFull: Bool { state.isFull }
    var hasDrained: Bool { state.hasDrained }
    func questionsWait(for ticket: UInt64) -> Bool { state.questions.chunkClosed(upTo: ticket) }
    func takeDue() -> [String] {
        state.questions.takeDue().map { "\($0.number): \(String(decoding: $0.pipeline, as: UTF8.self))" }
    }
    func answered(_ question: UInt64, with line: String) { state.answered(question, with: line) }
}
