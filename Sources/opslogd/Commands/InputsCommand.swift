import ArgumentParser
import Intake
import OperationLogs
import Spool

struct InputsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inputs", abstract: "The files that are followed, with how far they have been read.",
        subcommands: [InputsListCommand.self, InputsResetCommand.self])
}

struct InputsListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Every file with a position in the spool; also while the daemon is down.",
        discussion: """
            POSITION is the byte up to which its lines are in the spool, SEEN the largest size that was met. What a file \
            has got since is in 'opslogd status'.
            """)

    @OptionGroup var configuration: ConfigurationOption
    @Option(help: "Of this input only.") var input: String?
    @Flag(help: "One JSON object a line.") var json = false

    func run() throws {
        var files: [FilePositionSummary] = []
        do {
            files = try StateFiles(configuration).spool().positions().compactMap {
                FilePositionSummary(key: $0.key, value: $0.value)
            }
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw CommandFailure(describing: error)
        }
        files.sort { ($0.input, $0.path, $0.inode) < ($1.input, $1.path, $1.inode) }
        var table = TextTable(["INPUT", "POSITION", "SEEN", "STATE", "FILE"], rightAligned: [1, 2])
        for file in files where input.map({ $0 == file.input }) ?? true {
            if json {
                StandardOutput.line(object(file))
            } else {
                table.add([
                    file.input, "\(file.offset)", "\(file.seenBytes)", state(of: file), file.path,
                ])
            }
        }
        if !json { table.print() }
    }

    private func state(of file: FilePositionSummary) -> String {
        file.isInDoubt ? "in doubt" : file.isRotated ? "rotated" : "followed"
    }

    private func object(_ file: FilePositionSummary) -> String {
        var object = JSONObjectWriter()
        object.add("input", text: file.input)
        object.add("path", text: file.path)
        object.add("position", raw: "\(file.offset)")
        object.add("seen_bytes", raw: "\(file.seenBytes)")
        object.add("inode", raw: "\(file.inode)")
        object.add("state", text: state(of: file))
        return object.text
    }
}
