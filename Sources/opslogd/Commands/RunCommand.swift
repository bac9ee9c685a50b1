import ArgumentParser
import DaemonConfiguration
import LinuxSystem
import PostgreSQL

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "The daemon, in the foreground.",
        discussion: """
            SIGTERM and SIGINT drain and stop: what is queued is read and made durable, acknowledgements are answered, \
            and delivery goes on for at most delivery.stop_drain. A second one ends the waiting.
            """)

    @OptionGroup var configuration: ConfigurationOption

    func run() async throws {
        ProcessMemory.giveBack()
        let loaded = try configuration.load()
        do {
            try loaded.requireInputs()
            try loaded.requireConninfo(Conninfo.problem)
        } catch {
            throw CommandFailure(configuration: error)
        }
        // From here on a signal waits until the daemon is up, and then ends it in order.
        let signals = await DaemonSignals()
        let daemon = try await Daemon(loaded)
        try await daemon.run(signals)
    }
}
