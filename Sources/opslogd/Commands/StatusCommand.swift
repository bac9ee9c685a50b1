import ArgumentParser
import DaemonConfiguration

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "What the running daemon does: inputs, spool, delivery, dead letters, last error.")

    @OptionGroup var configuration: ConfigurationOption
    @Flag(help: "One JSON object, as /status gives it.") var json = false

    func run() throws {
        let answer = try ControlQuestion(settings: configuration.loadOrDefaults()).get("/status")
        if json {
            StandardOutput.line(answer)
        } else {
            try StatusPage(json: answer).print()
        }
    }
}
