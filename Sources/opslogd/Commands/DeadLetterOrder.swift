import ArgumentParser
import DaemonConfiguration
import DeadLetters
import Foundation
import OperationLogs

/// Gives the running daemon an order about dead letters, in requests of bounded size.
struct DeadLetterOrder {
    let question: ControlQuestion
    let target: String

    init(_ settings: DaemonSettings, target: String) {
        // A batch that waits for the disk takes its time.
        question = ControlQuestion(settings: settings, timeoutSeconds: 60)
        self.target = target
    }

    /// What the daemon says of one of them.
    struct Answer: Decodable {
        let id: String
        let outcome: String
        let successor: String?
        let event: String?
        let reason: String?
        let detail: String?
        let line: String?

        enum CodingKeys: String, CodingKey {
            case id, outcome, event, reason, detail, line
            case successor = "as"
        }
    }

    private static let lettersPerRequest = 1000
    private static let bytesPerRequest = 1 << 20

    /// - Parameters:
    ///   - letters: their ids, with another line for those that have one.
    ///   - body: is called with each answer and its text.
    func give(_ letters: [(id: SequenceNumber, line: [UInt8]?)], _ body: (Answer, String) -> Void) throws {
        var rest = letters[...]
        while !rest.isEmpty {
            var request: [UInt8] = []
            var count = 0
            for letter in rest.prefix(Self.lettersPerRequest) {
                if count > 0, request.count + (letter.line?.count ?? 0) > Self.bytesPerRequest { break }
                request += letter.id.description.utf8
                if let line = letter.line { request += [0x20] + line }
                request.append(0x0a)
                count += 1
            }
            var taken = 0
            for line in try question.post(target, request).split(separator: "\n") {
                let answer = try JSONDecoder().decode(Answer.self, from: Data(line.utf8))
                if answer.outcome == "not_taken" { break }
                body(answer, String(line))
                taken += 1
            }
            guard taken > 0 else {
                throw CommandFailure(.unavailable, "the daemon gave no answer to an order; look at its log")
            }
            rest = rest.dropFirst(taken)
        }
    }
}

/// Prints what became of each, and sums up.
struct LetterOutcomes {
    let printsJSON: Bool
    private var counts: [String: Int] = [:]

    init(printsJSON: Bool) { self.printsJSON = printsJSON }

    mutating func take(_ answer: DeadLetterOrder.Answer, _ text: String) {
        counts[answer.outcome, default: 0] += 1
        if printsJSON { return StandardOutput.line(text) }
        let id = answer.id
        let why = [answer.reason, answer.detail.map(Printable.text)].compactMap { $0 }.joined(separator: ": ")
        switch answer.outcome {
        case "retried", "discarded": break
        case "would_become": StandardOutput.line("\(id): would become \(Printable.text(answer.line ?? ""))")
        case "would_be_rejected": StandardOutput.line("\(id): would be rejected: \(why)")
        case "rejected_again":
            StandardOutput.line("\(id): rejected again, as the dead letter \(answer.successor ?? "?"): \(why)")
        case "under_way": StandardOutput.line("\(id): sent, and not known to be durable yet")
        case "unknown": StandardOutput.line("\(id): there is no such dead letter, or it is over already")
        default: StandardOutput.line("\(id): stays: \(why)")
        }
    }

    /// One that this command leaves as it is.
    mutating func take(id: SequenceNumber, keptFor why: String) {
        let outcome = LetterOutcome(id: id, .kept(why))
        take(
            DeadLetterOrder.Answer(
                id: id.description, outcome: "kept", successor: nil, event: nil, reason: nil, detail: why, line: nil),
            outcome.json)
    }

    /// - Throws: exit status 1 unless everything went as it was asked.
    func conclude() throws {
        if !printsJSON {
            let words = [
                ("retried", "sent again"), ("discarded", "discarded"), ("would_become", "would be sent again"),
                ("rejected_again", "rejected again"), ("would_be_rejected", "would be rejected again"),
                ("under_way", "not known to be durable yet"), ("kept", "left as they are"), ("unknown", "not there"),
            ]
            let parts = words.compactMap { name, words in
                counts[name].map { "\(Printable.count($0)) \(words)" }
            }
            StandardOutput.line(parts.isEmpty ? "no dead letter is chosen" : parts.joined(separator: ", "))
        }
        let isWhole = counts.keys.allSatisfy { ["retried", "discarded", "would_become"].contains($0) }
        if !isWhole { throw ExitCode(ExitStatus.notSo.rawValue) }
    }

    static func absence(_ ids: [SequenceNumber]) -> String {
        "there is no dead letter " + ids.map { "\($0.rawValue)" }.joined(separator: ", ")
            + "; see 'opslogd dead-letters list'"
    }
}
