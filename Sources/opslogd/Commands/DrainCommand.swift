import ArgumentParser
import DaemonConfiguration
import Foundation

struct DrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain", abstract: "Waits until everything is delivered: before a host is retired.",
        discussion: """
            Asks the running daemon until its files and journals are read to their end, every event in the spool is in its \
            table, and every rejected line in the dead letters; so stop what writes first. Then the daemon compares the \
            database with the spool once more: one that was set back is filled again before this ends. Says what is left, \
            and what holds it up. Dead letters stay: they are counted at the end.

            Exit status: 0 nothing is left, 75 something still was when --timeout was over, 69 the daemon is not reachable.
            """)

    @OptionGroup var configuration: ConfigurationOption
    @Option(help: "How long to wait, in seconds; without it, as long as it takes.") var timeout: Int?

    func run() throws {
        let question = ControlQuestion(settings: try configuration.loadOrDefaults())
        let end = timeout.map { Date(timeIntervalSinceNow: Double($0)) }
        var said: String?
        var isEmpty = false
        var isCompared = false
        while true {
            let page = try StatusPage(json: question.get("/status"))
            let left = page.remainder
            if left.isEmpty, !isCompared {
                // With nothing to deliver the daemon has not spoken to the database for long, perhaps.
                _ = try question.post("/delivery/compare", [])
                isCompared = true
                continue
            }
            if left.isEmpty {
                // Seen twice: what was just being read at the first look has been handed to the spool by the second.
                if isEmpty { return StandardOutput.line(Self.end(page)) }
                isEmpty = true
                Thread.sleep(forTimeInterval: 0.25)
                continue
            }
            isEmpty = false
            let sentence = left.joined(separator: "; ")
            if end.map({ Date() >= $0 }) ?? false {
                throw CommandFailure(.tryAgain, "not everything is delivered: \(sentence)")
            }
            // What only counts down is said on a terminal; what holds it up, everywhere.
            let obstacles = page.obstacles.joined(separator: "; ")
            if StandardError.isTerminal {
                if sentence != said { StandardError.write("\r\u{1b}[K\(sentence)") }
                said = sentence
            } else if obstacles != said {
                said = obstacles
                if !obstacles.isEmpty { StandardError.write("opslogd: \(sentence)\n") }
            }
            Thread.sleep(forTimeInterval: 0.25)
        }
    }

    private static func end(_ page: StatusPage) -> String {
        if StandardError.isTerminal { StandardError.write("\r\u{1b}[K") }
        let held = page.deadLetters.held
        return "everything is delivered"
            + (held > 0
                ? "; \(StatusPage.count(UInt64(held), "dead letter")) stay: see 'opslogd dead-letters export'" : "")
    }
}

extension StatusPage {
    /// What keeps it from being drained, in words; nothing if it is.
    var remainder: [String] {
        var left: [String] = []
        for input in inputs {
            let name = "input \(Printable.text(input.name))"
            if let lag = input.lagBytes, lag > 0 { left.append("\(name): \(Printable.bytes(lag)) to read") }
            if input.files != nil, input.lagBytes == nil { left.append("\(name): looks for its files") }
            if input.atEnd == false { left.append("\(name): the journal is not read to its end") }
        }
        if spool.queuedChunks > 0 { left.append("lines that are not durable yet") }
        if spool.undeliveredEvents > 0 {
            left.append("\(Self.count(spool.undeliveredEvents, "event")) to deliver")
        } else if spool.movedDeadLetters < spool.lastSequence {
            left.append("rejected lines are on their way to the dead letters")
        }
        if !delivery.compared { left.append("the database is to be compared with the spool") }
        return left.isEmpty ? [] : left + obstacles
    }

    /// What somebody has to mend first.
    var obstacles: [String] {
        var found = inputs.compactMap { input in
            input.waiting.map { "input \(Printable.text(input.name)): \(Printable.text($0))" }
        }
        if let waiting = spool.waiting { found.append(Printable.text(waiting)) }
        let wait = "waits: "
        if delivery.state.hasPrefix(wait) {
            found.append(Printable.text(String(delivery.state.dropFirst(wait.count))))
        } else if !delivery.connected, let error = delivery.lastError {
            found.append(Printable.text(error))
        }
        found += delivery.lanes.compactMap { lane in lane.held.map { "\(lane.table): \(Printable.text($0))" } }
        if let waiting = deadLetters.waiting { found.append(Printable.text(waiting)) }
        return found
    }
}
