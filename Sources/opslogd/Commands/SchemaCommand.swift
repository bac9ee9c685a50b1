import ArgumentParser
import DaemonConfiguration
import PostgreSQL

struct SchemaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema", abstract: "The tables: their SQL, which this binary carries.",
        subcommands: [SchemaPrintCommand.self, SchemaApplyCommand.self, SchemaCheckCommand.self])
}

struct SchemaPrintCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "print", abstract: "Prints the SQL.")

    func run() {
        StandardOutput.line(Schema.sql)
    }
}

struct SchemaApplyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Creates what is not there yet; tables that are there stay as they are.")

    @OptionGroup var configuration: ConfigurationOption
    @Option(help: "Another connection than the configuration's: the role must be allowed to create tables.")
    var conninfo: String?

    func run() throws {
        let applied = try Schema.apply(
            conninfo: try conninfo ?? configuration.loadOrDefaults().database.conninfo)
        let created = applied.filter(\.isNew)
        for object in created { StandardOutput.line("created \(object.name)") }
        StandardOutput.line("\(created.count) created, \(applied.count - created.count) there already")
    }
}

struct SchemaCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Compares the database with what the daemon needs.")

    @OptionGroup var configuration: ConfigurationOption

    func run() throws {
        let settings = try configuration.loadOrDefaults()
        let findings = try Schema.check(
            conninfo: settings.database.conninfo, showsDeadLetters: settings.deadLetters.table)
        try SchemaReport.conclude(findings)
        StandardOutput.line("schema and privileges fit")
    }
}
