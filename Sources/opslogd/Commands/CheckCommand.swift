import ArgumentParser
import DaemonConfiguration
import PostgreSQL

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Validates the configuration; with --database also what it needs there.")

    @OptionGroup var configuration: ConfigurationOption
    @Flag(help: "Also connection, schema and privileges.") var database = false

    func run() throws {
        // All that is wrong, one line each.
        let loaded: LoadedSettings
        do {
            loaded = try configuration.read()
            try loaded.requireInputs()
            try loaded.requireConninfo(Conninfo.problem)
        } catch {
            throw CommandFailure(describing: error)
        }
        for warning in loaded.warnings { StandardError.write("opslogd: warning: \(warning)\n") }
        let settings = loaded.settings
        let unknown = AccountCheck.problems(settings.inputs)
        guard unknown.isEmpty else { throw CommandFailure(.configuration, unknown.joined(separator: "\n")) }
        StandardOutput.line(
            "\(configuration.file): valid; \(settings.inputs.count) inputs, state in \(settings.stateDirectory)")
        guard database else { return }
        if settings.database.embedded {
            StandardOutput.line("database: a private PostgreSQL, which the daemon starts and fills by itself")
            return
        }
        let findings = try Schema.check(
            conninfo: settings.database.conninfo, showsDeadLetters: settings.deadLetters.table)
        try SchemaReport.conclude(findings)
        StandardOutput.line("database: reachable, schema and privileges fit")
    }
}
