import ArgumentParser
import Foundation
import OperationLogs

struct SpoolAcceptGapCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "accept-gap",
        abstract: "Goes on without records that a restored database lacks and the spool no longer keeps.",
        discussion: """
            After a database was restored from a backup so old that delivery waits, and says so: lists, by table, which \
            records it lacks that are not kept any more. They are lost to this database for good, unless a newer backup is \
            restored in its place, or they are copied into it by hand. Numbers are given to the events of all tables, so of \
            each table there are at most so many.

            Without --yes nothing is changed, and the exit status is 64. With --yes these records are given up, durably, and \
            delivery goes on at once with what is kept, each of it once; 'status', 'spool verify' and the log name what was \
            given up. The running daemon does it, since it has compared the database with the spool: 69 if none answers. If \
            the database lacks something else by then, nothing is accepted: 75, as where the database cannot be reached.
            """)

    @OptionGroup var configuration: ConfigurationOption
    @Flag(help: "Give them up.") var yes = false
    @Flag(help: "The list as one JSON object a line.") var json = false

    private static let target = "/spool/accept-gap"

    func run() throws {
        // A comparison may have to wait for a lock.
        let question = ControlQuestion(settings: try configuration.loadOrDefaults(), timeoutSeconds: 120)
        let found = try GapAnswer(question.post(Self.target + "?dry_run=1", []))
        switch found.outcome {
        case "found": break
        case "none": return StandardOutput.line("nothing to do: delivery has found no such gap")
        default:
            throw CommandFailure(
                .tryAgain,
                "there is nothing to accept: delivery has not found that the database lacks what is not kept; it is "
                    + Printable.text(found.state ?? "not there"))
        }
        guard yes else {
            show(found.gaps, "would_be_accepted")
            throw CommandFailure(
                .usage,
                "nothing was changed; restore a newer backup if there is one, or 'opslogd spool accept-gap --yes' goes on "
                    + "without these records")
        }
        if !json { show(found.gaps, "would_be_accepted") }
        let order = found.gaps.map { "\($0.table) \($0.firstSequence) \($0.lastSequence)\n" }.joined()
        let answer = try GapAnswer(question.post(Self.target, Array(order.utf8)))
        guard answer.outcome == "accepted" else {
            throw CommandFailure(
                .tryAgain,
                "nothing was accepted: what the database lacks has changed meanwhile; 'opslogd spool accept-gap' lists it anew"
            )
        }
        if json { return show(answer.gaps, "accepted") }
        StandardOutput.line("given up; delivery goes on with what is kept")
    }

    private func show(_ gaps: [GapAnswer.Gap], _ outcome: String) {
        var table = TextTable(
            ["TABLE", "FIRST", "LAST", "AT MOST", "WRITTEN AFTER", "WRITTEN BEFORE"], rightAligned: [1, 2, 3])
        for gap in gaps {
            if json {
                StandardOutput.line(gap.json(outcome))
                continue
            }
            table.add([
                gap.table, "\(gap.firstSequence)", "\(gap.lastSequence)", Printable.count(gap.recordCount),
                gap.writtenAfter.map { String($0.prefix(19)) } ?? "–",
                gap.writtenBefore.map { String($0.prefix(19)) } ?? "–",
            ])
        }
        if json { return }
        StandardOutput.line("records that the restored database lacks, and the spool no longer keeps:")
        table.print()
    }
}

/// What the daemon says of a gap.
struct GapAnswer: Decodable {
    struct Gap: Decodable {
        let table: String
        let firstSequence: UInt64
        let lastSequence: UInt64
        let writtenAfter: String?
        let writtenBefore: String?

        var recordCount: UInt64 { lastSequence - firstSequence + 1 }

        func json(_ outcome: String) -> String {
            var object = JSONObjectWriter()
            object.add("table", text: table)
            object.add("first_sequence", raw: "\(firstSequence)")
            object.add("last_sequence", raw: "\(lastSequence)")
            object.add("records_at_most", raw: "\(recordCount)")
            object.add("written_after", text: writtenAfter)
            object.add("written_before", text: writtenBefore)
            object.add("outcome", text: outcome)
            return object.text
        }
    }

    let outcome: String
    let state: String?
    let gaps: [Gap]

    init(_ json: String) throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        self = try decoder.decode(GapAnswer.self, from: Data(json.utf8))
    }
}
