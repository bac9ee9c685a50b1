import ArgumentParser
import DaemonConfiguration
import Telemetry

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "What the running daemon does: inputs, spool, delivery, dead letters, last error.")

    @OptionGroup var configuration: ConfigurationOption
    @Flag(help: "One JSON object, as /status gives it.") var json = false

    func run() throws {
        let settings = try configuration.loadOrDefaults()
        let path = settings.stateDirectory + "/control.sock"
        let answer: ControlSocketClient.Answer
        do {
            answer = try ControlSocketClient(path: path).get("/status")
        } catch {
            throw CommandFailure(describing: error)
        }
        guard answer.code == 200 else {
            throw CommandFailure(.unavailable, "\(path): the daemon answered \(answer.code); look at its log")
        }
        if json {
            StandardOutput.line(answer.body.hasSuffix("\n") ? String(answer.body.dropLast()) : answer.body)
        } else {
            try StatusPage(json: answer.body).print()
        }
    }
}
