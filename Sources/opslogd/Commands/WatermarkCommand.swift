import ArgumentParser
import DaemonConfiguration
import Telemetry

struct WatermarkCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watermark", abstract: "How far a pipeline has got.",
        subcommands: [WatermarkGetCommand.self])
}

struct WatermarkGetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract:
            "The newest watermark of a pipeline: from the spool if it is not delivered yet, else from the database.",
        discussion: """
            Asks the running daemon. While the database is away, the newest that is not delivered yet is printed, with a \
            remark that a newer one may stand in the database; columns that its lines do not carry are empty then.

            Exit status: 0 found, 1 no such pipeline, 69 the daemon or the database is not reachable, 77 no right to ask.
            """)

    @OptionGroup var configuration: ConfigurationOption
    @Argument(help: "Its pipeline_name.") var pipeline: String
    @Flag(help: #"One JSON object, as {"opslogd":{"watermark":"NAME"}} is answered on a socket."#) var json = false

    func run() throws {
        // The daemon waits for the database for less than that.
        let question = ControlQuestion(settings: try configuration.loadOrDefaults(), timeoutSeconds: 30)
        let text = try question.get("/watermark?pipeline=\(PercentEncoding.encode(pipeline))")
        let answer = try WatermarkPage(json: text)
        if json { StandardOutput.line(text) }
        guard let shown = answer.shown else {
            if let obstacle = answer.obstacle { throw CommandFailure(.unavailable, obstacle) }
            throw CommandFailure(.notSo, "no watermark of the pipeline \(Printable.text(pipeline)) is known")
        }
        if !json { shown.print() }
        if let obstacle = answer.obstacle { StandardError.write("opslogd: \(obstacle)\n") }
    }
}
