import ArgumentParser
import DeadLetters
import OperationLogs

struct DeadLettersDiscardCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "discard", abstract: "Ends those that are chosen, for good.",
        discussion: """
            The running daemon does it; 69 if none answers. What is discarded is no longer listed, and never sent. `export` \
            keeps a copy first. Exit status 1 if one that was named by its id is not there.
            """)

    @OptionGroup var configuration: ConfigurationOption
    @Flag(help: "Every dead letter that there is.") var all = false
    @Flag(name: .customLong("dry-run"), help: "Only says which.") var dryRun = false
    @Flag(help: "The outcomes as one JSON object a line.") var json = false
    @OptionGroup var selection: DeadLetterSelection

    func run() throws {
        let filter = try selection.choice(all: all)
        let settings = try configuration.loadOrDefaults()
        var ids: [SequenceNumber] = []
        let damage = try StateFiles(configuration).forEachDeadLetter(filter) { letter in
            ids.append(letter.id)
            return true
        }
        DeadLetterSelection.tell(damage)
        let absent = Set(selection.ids).subtracting(ids).sorted()
        if dryRun {
            for id in ids { StandardOutput.line(json ? #"{"id":"\(id)","outcome":"would_be_discarded"}"# : "\(id)") }
            if !absent.isEmpty { throw CommandFailure(.notSo, LetterOutcomes.absence(absent)) }
            return
        }
        var outcomes = LetterOutcomes(printsJSON: json)
        let order = DeadLetterOrder(settings, target: "/dead-letters/discard")
        try order.give((ids + absent).map { ($0, nil) }) { outcomes.take($0, $1) }
        try outcomes.conclude()
    }
}
