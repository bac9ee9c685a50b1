/// What a connection has asked about pipelines, in its order: a state machine without I/O.
///
/// A question is asked once the lines before it are durable, and answered once those before it are.
package struct WatermarkQuestions {
    private enum Stage: Hashable {
        /// Its lines stand in the open chunk, or may.
        case gathering
        /// For this ticket.
        case waiting(UInt64)
        case due
        case asked
        case answered(String)
    }

    private struct Question {
        let number: UInt64
        let pipeline: [UInt8]
        var stage = Stage.gathering
    }

    /// Beyond so many that are not answered, nothing more is read from the connection.
    package static let limit = 64

    private var open: [Question] = []
    private var nextNumber: UInt64 = 1

    package var isEmpty: Bool { open.isEmpty }
    package var isFull: Bool { open.count >= Self.limit }
    package var hasDrained: Bool { open.count <= Self.limit / 2 }

    package mutating func add(_ pipeline: [UInt8]) {
        open.append(Question(number: nextNumber, pipeline: pipeline))
        nextNumber += 1
    }

    /// The open chunk was closed; everything that was read so far stands in chunks up to `ticket`.
    ///
    /// - Returns: whether a question waits for that ticket.
    package mutating func chunkClosed(upTo ticket: UInt64) -> Bool {
        var isWaiting = false
        for index in open.indices where open[index].stage == .gathering {
            open[index].stage = .waiting(ticket)
            isWaiting = true
        }
        return isWaiting
    }

    package mutating func durable(upTo ticket: UInt64) {
        for index in open.indices {
            if case .waiting(let awaited) = open[index].stage, awaited <= ticket { open[index].stage = .due }
        }
    }

    /// Those that are to be asked now; they are not given again.
    package mutating func takeDue() -> [(number: UInt64, pipeline: [UInt8])] {
        var due: [(number: UInt64, pipeline: [UInt8])] = []
        for index in open.indices where open[index].stage == .due {
            open[index].stage = .asked
            due.append((open[index].number, open[index].pipeline))
        }
        return due
    }

    /// Takes an answer.
    ///
    /// - Returns: the answers that can be told now.
    package mutating func answered(_ number: UInt64, with line: String) -> [String] {
        guard let index = open.firstIndex(where: { $0.number == number }) else { return [] }
        open[index].stage = .answered(line)
        var lines: [String] = []
        while case .answered(let line) = open.first?.stage {
            lines.append(line)
            open.removeFirst()
        }
        return lines
    }
}
