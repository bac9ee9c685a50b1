import ArgumentParser
import DeadLetters
import OperationLogs

struct DeadLettersExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "All that are chosen, as NDJSON, oldest first; also while the daemon is down.",
        discussion: """
            Prints one JSON object a line, as `show --json` does; with --lines, the lines themselves, as they were received. \
            With --output they go into a new file, which is on disk when the command ends with 0.
            """)

    @OptionGroup var configuration: ConfigurationOption
    @Flag(help: "The lines that were rejected, or the events that were refused, and nothing else.") var lines = false
    @Option(help: "A file that does not exist yet.") var output: String?
    @OptionGroup var selection: DeadLetterSelection

    func run() throws {
        // Made before root becomes the daemon's user, who may not write there.
        let file = try output.map { try OutputFile(creating: $0) }
        var count = 0
        let damage = try StateFiles(configuration).forEachDeadLetter(selection.filter) { letter in
            let bytes = (lines ? letter.line : Array(letter.json.utf8)) + [0x0a]
            if let file { try file.write(bytes) } else { StandardOutput.write(bytes) }
            count += 1
            return true
        }
        if let file {
            try file.finish()
            StandardError.write("opslogd: \(Printable.count(count)) dead letters in \(file.name)\n")
        }
        DeadLetterSelection.tell(damage)
    }
}
