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

            After the daemon has said that the segments end before what the cursor, a run or a dead letter knows: without \
            --yes it says what going on without the missing ones means, changes nothing, and exits 64. With --yes the \
            numbers go on behind all that was ever given, and what is missing is a lost range: 'status', 'spool verify' \
            and the log name it.

            Said again, it changes nothing. 75 if the daemon runs.
            """)

    @OptionGroup var configuration: ConfigurationOption
    @Flag(help: "Go on without the segments that are missing.") var yes = false

    func run() throws {
        let files = try StateFiles(configuration)
        let (lock, settling) = try files.settle()
        var settlement = settling
        try withExtendedLifetime(lock) {
            do {
                let deadLetter = try files.newestDeadLetter(of: settlement.birthName)
                if let missing = try settlement.missing(deadLetter: deadLetter) {
                    for sentence in missing.sentences { StandardOutput.line(sentence) }
                    guard yes else {
                        throw CommandFailure(
                            .usage,
                            "nothing was changed; put the missing segments back if there is a copy of them, or 'opslogd "
                                + "spool adopt --yes' goes on without them")
                    }
                }
                for outcome in try settlement.adopt(deadLetter: deadLetter) {
                    StandardOutput.line(outcome.sentence(settlement.name))
                }
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
        case .goesOnAt(let sequence):
            "the spool goes on at record \(sequence.rawValue) from the next start on, and accounts for what is missing as "
                + "lost"
        }
    }
}

extension SpoolSettlement.Missing {
    /// What going on without them means.
    fileprivate var sentences: [String] {
        let known =
            if first > lastKnown { "what stood behind record \(lastKnown.rawValue)" } else {
                "records \(first.rawValue) to \(lastKnown.rawValue), and any behind"
            }
        return [
            "the segments end at record \(last.rawValue), and \(sign): \(known): that is missing",
            "what of them was delivered stays delivered, and nothing is delivered twice; what was not is lost: lines of "
                + "sockets for good, though they were acknowledged",
            "how far files had been read stood there too: if any of these records was delivered or became a dead letter, the "
                + "files are read on from their ends, and the lines before are set aside: 'opslogd spool reread' lists them "
                + "then, and has them read again on your word; if none was, they are read again by themselves",
        ]
    }
}
