import LinuxSystem
import Synchronization

/// Where answers to questions come in from another thread, for the thread of a socket input.
final class AnsweredQuestions: Sendable {
    struct Answer {
        let connection: UInt64
        let question: UInt64
        let line: String
    }

    private let answers = Mutex<[Answer]>([])
    private let wake: EventDescriptor

    /// - Parameter wake: signalled at the first answer that waits.
    init(wake: EventDescriptor) { self.wake = wake }

    func put(_ answer: Answer) {
        let isFirst = answers.withLock { answers in
            answers.append(answer)
            return answers.count == 1
        }
        if isFirst { wake.signal() }
    }

    func take() -> [Answer] {
        answers.withLock { answers in
            defer { answers = [] }
            return answers
        }
    }
}
