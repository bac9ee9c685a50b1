import ArgumentParser
import DaemonConfiguration

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "The daemon, in the foreground.",
        discussion: """
            SIGTERM and SIGINT drain and stop: what is queued is read and made durable, acknowledgements are answered, \
            and delivery goes on for at most delivery.stop_drain. A second one ends the waiting.
            """)

    @OptionGroup var configuration: ConfigurationOption

    func run() async throws {
        let loaded = try configuration.load()
        do {
            try loaded.requireInputs()
        } catch {
            throw CommandFailure(configuration: error)
        }
        let daemon = try await Daemon(loaded)
        try await daemon.run()
    }
}
