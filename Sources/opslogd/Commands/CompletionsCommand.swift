import ArgumentParser

struct CompletionsCommand: ParsableCommand {
    enum Shell: String, ExpressibleByArgument, CaseIterable { case bash, zsh, fish }

    static let configuration = CommandConfiguration(
        commandName: "completions", abstract: "Prints the completion script for a shell.")

    @Argument(help: "bash, zsh or fish.")
    var shell: Shell

    func run() {
        let form: CompletionShell =
            switch shell {
            case .bash: .bash
            case .zsh: .zsh
            case .fish: .fish
            }
        StandardOutput.line(Opslogd.completionScript(for: form))
    }
}
