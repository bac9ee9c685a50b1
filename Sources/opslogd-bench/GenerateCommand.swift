import ArgumentParser

struct GenerateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate", abstract: "Writes deterministic event lines into a file.")

    @Argument(help: "How many lines.") var count: Int
    @Argument(help: "The file; replaced.") var file: String

    func run() throws {
        try EventFile.write(count: count, to: file)
    }
}
