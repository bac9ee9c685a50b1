import ArgumentParser
import Intake
import OperationLogs
import Spool

struct InputsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inputs", abstract: "The files and journals that are followed, with how far they have been read.",
        subcommands: [InputsListCommand.self, InputsResetCommand.self])
}

struct InputsListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Every file and journal with a position in the spool; also while the daemon is down.",
        discussion: """
            POSITION is the byte up to which its lines are in the spool, SEEN the largest size that was met. What a file \
            has got since is in 'opslogd status'. Of a journal, FILE is the time of the last entry that was seen; --json \
            has its cursor, for 'journalctl --after-cursor='.
            """)

    @OptionGroup var configuration: ConfigurationOption
    @Option(help: "Of this input only.") var input: String?
    @Flag(help: "One JSON object a line.") var json = false

    func run() throws {
        var files: [FilePositionSummary] = []
        var journals: [JournalPositionSummary] = []
        do {
            for (key, value) in try StateFiles(configuration).spool().positions() {
                if let file = FilePositionSummary(key: key, value: value) { files.append(file) }
                if let journal = JournalPositionSummary(key: key, value: value) { journals.append(journal) }
            }
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw CommandFailure(describing: error)
        }
        files.sort { ($0.input, $0.path, $0.inode) < ($1.input, $1.path, $1.inode) }
        journals.sort { $0.input < $1.input }
        var table = TextTable(["INPUT", "POSITION", "SEEN", "STATE", "FILE"], rightAligned: [1, 2])
        func isWanted(_ name: String) -> Bool { input.map { $0 == name } ?? true }
        for file in files where isWanted(file.input) {
            if json {
                StandardOutput.line(object(file))
            } else {
                table.add([
                    file.input, "\(file.offset)", "\(file.seenBytes)", state(of: file), file.path,
                ])
            }
        }
        for journal in journals where isWanted(journal.input) {
            if json {
                StandardOutput.line(object(journal))
            } else {
                table.add([journal.input, "–", "–", "journal", readUpTo(journal).map { "up to \($0)" } ?? "–"])
            }
        }
        if !json { table.print() }
    }

    private func readUpTo(_ journal: JournalPositionSummary) -> String? {
        journal.realtimeMicroseconds.map { Timestamp(unixMicroseconds: Int64(clamping: $0)).rfc3339 }
    }

    private func object(_ journal: JournalPositionSummary) -> String {
        var object = JSONObjectWriter()
        object.add("input", text: journal.input)
        object.add("state", text: "journal")
        object.add("read_up_to", text: readUpTo(journal))
        object.add("cursor", text: journal.cursor)
        object.add("unfinished_lines", raw: "\(journal.unfinishedLines)")
        return object.text
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
