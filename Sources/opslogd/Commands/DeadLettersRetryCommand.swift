import ArgumentParser
import DeadLetters
import OperationLogs

struct DeadLettersRetryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry", abstract: "Sends those that are chosen again, each at most once.",
        discussion: """
            The running daemon does it; 69 if none answers. A line is read as its input reads lines now, and a refused row as \
            it stands; the time at which it was received is kept. It is durable when this ends with 0, and its dead letter \
            over. One that is rejected again becomes a new dead letter (exit status 1). One that cannot be sent stays: of an \
            input that is gone, or cut off at its first 64 KiB.

            --set and --unset change keys of the lines; --edit opens them in $VISUAL or $EDITOR, where a line that is \
            removed is left as it is, and so is one that was cut off and is not changed. Edits that could not be sent \
            are kept in a file, which is named. --dry-run says what each would become, and sends nothing.
            """)

    @OptionGroup var configuration: ConfigurationOption
    @Flag(help: "Every dead letter that there is.") var all = false
    @Flag(name: .customLong("dry-run"), help: "Only says what each would become.") var dryRun = false
    @Flag(help: "Edit the lines before they are sent.") var edit = false
    @Option(
        help: ArgumentHelp(
            "KEY=TEXT, or KEY:=JSON for what is no text; may be given several times.", valueName: "key=text"))
    var set: [String] = []
    @Option(help: ArgumentHelp("Take this key out of the lines.", valueName: "key")) var unset: [String] = []
    @Flag(help: "The outcomes as one JSON object a line.") var json = false
    @OptionGroup var selection: DeadLetterSelection

    func run() throws {
        let filter = try selection.choice(all: all)
        let change = try lineEdit()
        let settings = try configuration.loadOrDefaults()
        var outcomes = LetterOutcomes(printsJSON: json)
        var letters: [(id: SequenceNumber, line: [UInt8]?)] = []
        var toEdit: [DeadLetter] = []
        var found: Set<SequenceNumber> = []
        let damage = try StateFiles(configuration).forEachDeadLetter(filter) { letter in
            found.insert(letter.id)
            var letter = letter
            if !change.isEmpty {
                guard !letter.isTruncated, let changed = change.applied(to: letter.line) else {
                    outcomes.take(
                        id: letter.id,
                        keptFor: EditedLetters.hindrance(to: letter)
                            ?? "its line is no whole JSON object, so no key of it can be set; use --edit alone")
                    return true
                }
                letter.line = changed
            }
            if edit { toEdit.append(letter) } else { letters.append((letter.id, change.isEmpty ? nil : letter.line)) }
            return true
        }
        DeadLetterSelection.tell(damage)
        let absent: [(id: SequenceNumber, line: [UInt8]?)] =
            Set(selection.ids).subtracting(found).sorted().map { ($0, nil) }
        let order = DeadLetterOrder(
            settings, target: "/dead-letters/retry" + (dryRun ? "?dry_run=1" : ""))
        if edit {
            let edited = EditedLetters(toEdit) { outcomes.take(id: $0, keptFor: $1) }
            try edited.edit { reading in
                for letter in reading.beginnings {
                    outcomes.take(
                        id: letter.id,
                        keptFor: "only its first \(letter.line.count) bytes are kept, and they were not changed; "
                            + "give the whole line")
                }
                var isUsed = !dryRun
                try order.give(reading.lines + absent) { answer, text in
                    // What was edited is then in no dead letter, or only its beginning.
                    if answer.outcome == "kept" || answer.reason == RejectionReason.lineTooLong.name { isUsed = false }
                    outcomes.take(answer, text)
                }
                return isUsed
            }
        } else {
            try order.give(letters + absent) { outcomes.take($0, $1) }
        }
        try outcomes.conclude()
    }

    private func lineEdit() throws -> LineEdit {
        var change = LineEdit(removed: Set(unset))
        for word in set {
            guard let equals = word.firstIndex(of: "="), equals > word.startIndex else {
                throw CommandFailure(.usage, "'\(Printable.text(word))' is not KEY=TEXT or KEY:=JSON")
            }
            var key = String(word[..<equals])
            let text = String(word[word.index(after: equals)...])
            var json = JSONObjectWriter.quoted(text)
            if key.hasSuffix(":"), key.count > 1 {
                key.removeLast()
                json = text
                guard LineEdit.isValue(text) else {
                    throw CommandFailure(.usage, "'\(Printable.text(text))' is not a JSON value; KEY=TEXT sets a text")
                }
            }
            guard !change.values.contains(where: { $0.key == key }), !change.removed.contains(key) else {
                throw CommandFailure(.usage, "the key '\(Printable.text(key))' is named twice")
            }
            change.values.append((key, json))
        }
        return change
    }
}
