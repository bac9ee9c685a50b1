import ArgumentParser
import DeadLetters
import LinuxSystem
import OperationLogs

struct DeadLettersCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dead-letters", abstract: "Lines that did not fit and rows that the database refused.",
        subcommands: [
            DeadLettersListCommand.self, DeadLettersShowCommand.self, DeadLettersExportCommand.self,
            DeadLettersRetryCommand.self, DeadLettersDiscardCommand.self,
        ])
}

struct DeadLettersListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "All of them, oldest first; also while the daemon is down.",
        discussion: "A table on a terminal; otherwise, or with --json, one JSON object a line.")

    @OptionGroup var configuration: ConfigurationOption
    @Flag(help: "One JSON object a line.") var json = false
    @OptionGroup var selection: DeadLetterSelection

    func run() throws {
        let filter = selection.filter
        let files = try StateFiles(configuration)
        let damage: [String]
        if json || !StandardOutput.isTerminal {
            damage = try files.forEachDeadLetter(filter) {
                StandardOutput.line($0.json)
                return true
            }
        } else {
            var table = TextTable(["ID", "TIME", "REASON", "EVENT", "SOURCE", "DETAIL"])
            damage = try files.forEachDeadLetter(filter) { letter in
                let source =
                    letter.source.path.map { "\($0):\(letter.offset)" } ?? "\(letter.source.input):\(letter.offset)"
                table.add([
                    "\(letter.id.rawValue)", String(letter.time.rfc3339.prefix(19)), letter.reason.name,
                    letter.event?.name ?? "", source, letter.detail,
                ])
                return true
            }
            table.print()
        }
        DeadLetterSelection.tell(damage)
    }
}

struct DeadLettersShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "One of them, with its line.")

    @OptionGroup var configuration: ConfigurationOption
    @Flag(help: "As one JSON object.") var json = false
    @Argument(help: "Its id.") var id: SequenceNumber

    func run() throws {
        var found: DeadLetter?
        try StateFiles(configuration).forEachDeadLetter(DeadLetterFilter(ids: [id])) {
            found = $0
            return false
        }
        guard let letter = found else {
            throw CommandFailure(.notSo, "there is no dead letter \(id); see 'opslogd dead-letters list'")
        }
        if json {
            StandardOutput.line(letter.json)
            return
        }
        var rows: [(String, String)] = [
            ("id", letter.id.description), ("received", letter.time.rfc3339), ("reason", letter.reason.name),
            ("detail", letter.detail),
        ]
        if let sqlstate = letter.sqlstate { rows.append(("sqlstate", sqlstate)) }
        if let event = letter.event { rows.append(("event", event.name)) }
        rows.append(("input", letter.source.input))
        if let path = letter.source.path {
            rows.append(("file", "\(path), at byte \(letter.offset)"))
        } else {
            rows.append(("line", "number \(letter.offset) of its connection"))
        }
        if let uid = letter.source.uid, let pid = letter.source.pid { rows.append(("peer", "uid \(uid), pid \(pid)")) }
        if letter.isTruncated { rows.append(("truncated", "only the first \(letter.line.count) bytes are kept")) }
        for (name, value) in rows {
            let gap = String(repeating: " ", count: 10 - name.count)
            StandardOutput.line(Style.output.bold(name) + gap + Printable.text(value))
        }
        StandardOutput.line("")
        StandardOutput.line(Printable.text(String(decoding: letter.line, as: UTF8.self)))
    }
}
