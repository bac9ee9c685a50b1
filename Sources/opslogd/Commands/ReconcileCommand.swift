import ArgumentParser
import DaemonConfiguration
import OperationLogs

struct ReconcileCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reconcile",
        abstract:
            "Compares what was read, delivered, dead-lettered and spooled, and the database's positions; 1 if they differ.",
        discussion: """
            Counts every record that the spool still keeps by what became of it: its table has it, by the position row in \
            the database; it is a dead letter; it is in the spool and has no fate yet; it was passed over. Each must be one \
            of these. Compares the rows of operation_logs.spool_positions with the spool, and of a running daemon also the \
            books of its run, which say what each input has read since the start.

            Beside a running daemon nothing is locked or held up, and what is only on its way is not taken for missing. \
            While it is down the same is compared, without the books of a run. Reads the whole spool.

            Exit status: 0 everything is accounted for, 1 something is not, 66 the daemon has never run here, 69 all of the \
            rest is accounted for, and the database could not be asked.
            """)

    @OptionGroup var configuration: ConfigurationOption
    @Flag(help: "One JSON object.") var json = false

    func run() throws {
        let settings = try configuration.loadOrDefaults()
        let found: Reconciliation
        do {
            found = try Reconciliation(StateFiles(configuration), settings) {
                try Self.books(ControlQuestion(settings: settings))
            }
        } catch {
            throw CommandFailure(describing: error)
        }
        if json { StandardOutput.line(found.json) } else { found.print() }
        if !found.findings.isEmpty {
            throw CommandFailure(.notSo, "the books do not balance: \(found.findings[0])" + Self.more(found.findings))
        }
        if case .notAsked(let why) = found.database {
            throw CommandFailure(
                .unavailable,
                "the database could not be asked for its positions: \(why); all of the rest is accounted for")
        }
    }

    private static func more(_ findings: [String]) -> String {
        findings.count > 1 ? " (and \(findings.count - 1) more)" : ""
    }

    /// nil while no daemon runs.
    private static func books(_ question: ControlQuestion) throws -> StatusPage.Books? {
        do {
            return try StatusPage(json: question.get("/status")).books
        } catch let failure as CommandFailure where failure.status == .unavailable {
            return nil
        }
    }
}
