import ArgumentParser

@main
struct OpslogdWorld: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "opslogd-world", abstract: "The daemon in a simulated world, from seeds. For developers.",
        subcommands: [PlayCommand.self, FaultsCommand.self, ExhaustCommand.self])
}
