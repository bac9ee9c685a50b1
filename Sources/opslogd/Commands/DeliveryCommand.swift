import ArgumentParser
import Foundation
import OperationLogs

struct DeliveryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delivery", abstract: "The operator's word on delivery.",
        subcommands: [DeliveryReleaseCommand.self])
}

struct DeliveryReleaseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "release", abstract: "Tries the rows of a table that is held up, at once.",
        discussion: """
            A table that has refused more than half of its last rows is held, so that no flood of dead letters comes of a \
            fault of the table. Where it is the rows that are to blame, this releases it: what it has refused before is \
            forgotten, and rows that it refuses become dead letters again, until they are too many again. A table that is \
            held for another reason is tried at once too, and held again if the reason is still there.

            The running daemon does it; 69 if none answers. 1 if the table is not held, 64 for a table that opslogd does not \
            deliver to.
            """)

    @OptionGroup var configuration: ConfigurationOption
    @Argument(
        help: "One of the eight tables.", completion: .list(EventKind.allCases.map(\.name))) var table: String
    @Flag(help: "The outcome as a JSON object.") var json = false

    private struct Answer: Decodable {
        let outcome: String
        let held: String?
        let waiting: String?
    }

    func run() throws {
        let settings = try configuration.loadOrDefaults()
        guard EventKind(name: table) != nil else {
            let names = EventKind.allCases.map(\.name).joined(separator: ", ")
            throw CommandFailure(.usage, "there is no table '\(Printable.text(table))': name one of \(names)")
        }
        let text = try ControlQuestion(settings: settings, timeoutSeconds: 120)
            .post("/delivery/release", Array(table.utf8))
        let answer = try JSONDecoder().decode(Answer.self, from: Data(text.utf8))
        if json { StandardOutput.line(text) }
        guard answer.outcome == "released" else {
            if json { throw ExitCode(ExitStatus.notSo.rawValue) }
            let obstacle = answer.waiting.map { "; delivery as a whole waits: \(Printable.text($0))" } ?? ""
            throw CommandFailure(.notSo, "\(table) is not held\(obstacle)")
        }
        if json { return }
        StandardOutput.line("\(table): released, and tried at once; it was held: \(Printable.text(answer.held ?? ""))")
    }
}
