import ArgumentParser
import LinuxSystem
import OperationLogs
import Spool

struct SpoolAdoptCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "adopt", abstract: "This spool is the one to go on with, here; while the daemon is stopped.",
        discussion: """
            After a spool was copied, moved or restored: accepts this machine and this directory. The position rows are \
            compared at the next start all the same: what another copy has delivered meanwhile is not sent again.

            After the daemon has said that the spool's history cannot be decided: what is not known to be delivered is \
            delivered from the next start on, under a new spool identity. A record that the other history holds too, and \
            has delivered, then stands there twice; 'opslogd spool discard' is the other way.

            Said again, it changes nothing. 75 if the daemon runs.
            """)

    @OptionGroup var configuration: ConfigurationOption

    func run() throws {
        let (lock, settling) = try StateFiles(configuration).settle()
        var settlement = settling
        try withExtendedLifetime(lock) {
            do {
                for outcome in try settlement.adopt() { StandardOutput.line(outcome.sentence(settlement.name)) }
            } catch {
                throw CommandFailure(describing: error)
            }
        }
    }
}

struct SpoolDiscardCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "discard", abstract: "Throws away what this copy holds undelivered; while the daemon is stopped.",
        discussion: """
            For a copy of a spool whose events another one delivers. Without --yes it lists what there is, by table, throws \
            nothing away, and exits 64. Rejected lines are not thrown away: they become dead letters. The records stay \
            in their segments until these are freed: 'opslogd spool cat --all' shows them.

            The spool goes on empty, here, under a new spool identity. Said again, it changes nothing. 75 if the daemon \
            runs.
            """)

    @OptionGroup var configuration: ConfigurationOption
    @Flag(help: "Throw them away.") var yes = false

    func run() throws {
        let (lock, settling) = try StateFiles(configuration).settle()
        var settlement = settling
        try withExtendedLifetime(lock) {
            do {
                let undelivered = try settlement.undelivered()
                list(undelivered)
                if !yes, undelivered.count > 0 || settlement.isInQuestion {
                    throw CommandFailure(
                        .usage, "nothing was thrown away; 'opslogd spool discard --yes' throws these events away")
                }
                for outcome in try settlement.discard(undelivered) {
                    StandardOutput.line(outcome.sentence(settlement.name))
                }
            } catch {
                throw CommandFailure(describing: error)
            }
        }
    }

    private func list(_ undelivered: SpoolSettlement<DirectoryStorage>.Undelivered) {
        guard let first = undelivered.first, let last = undelivered.last else {
            return StandardOutput.line("no undelivered events")
        }
        for (kind, count) in zip(EventKind.allCases, undelivered.events) where count > 0 {
            StandardOutput.line("\(kind.name): \(count)")
        }
        StandardOutput.line("\(undelivered.count) undelivered events, records \(first.rawValue) to \(last.rawValue)")
    }
}

extension SpoolSettlement.Outcome {
    /// - Parameter name: under which the spool is delivered.
    fileprivate func sentence(_ name: UniqueID) -> String {
        switch self {
        case .nothingToDo: "nothing to do: the spool \(name) belongs here, and its history is not in question"
        case .hostAccepted(let difference):
            "the spool \(name) belongs here from now on (\(difference)); its position rows are compared at the next start"
        case .goesOnAs(let name): "the spool goes on under the new identity \(name)"
        }
    }
}
