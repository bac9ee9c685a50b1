import ArgumentParser
import DaemonConfiguration
import Foundation

/// `--config F`, which every command takes.
struct ConfigurationOption: ParsableArguments {
    @Option(name: .customLong("config"), help: "The configuration file.")
    var file = ConfigurationFile.usualPath

    /// Reads and checks the file.
    func read() throws(ConfigurationError) -> LoadedSettings {
        try ConfigurationFile.load(file, environment: ProcessInfo.processInfo.environment)
    }

    /// The same for a command that ends with one line, whatever is wrong in the file.
    func load() throws -> LoadedSettings {
        do {
            return try read()
        } catch {
            throw CommandFailure(configuration: error)
        }
    }

    /// The file's settings; all defaults where the usual file is not there and none was named.
    func loadOrDefaults() throws -> DaemonSettings {
        let environment = ProcessInfo.processInfo.environment
        if file == ConfigurationFile.usualPath, access(file, F_OK) != 0 {
            return DaemonSettings(environment: environment)
        }
        return try load().settings
    }
}
