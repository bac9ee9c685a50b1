import ArgumentParser
import DeadLetters
import OperationLogs

/// Which dead letters a command is about.
struct DeadLetterSelection: ParsableArguments {
    @Option(help: "Only this reason; may be given several times.") var reason: [RejectionReason] = []
    @Option(help: "Only this event's.") var event: [EventKind] = []
    @Option(help: "Only this input's.") var input: [String] = []
    @Option(help: "Only with this SQLSTATE.") var sqlstate: [String] = []
    @Option(help: "Received at this time or later: RFC 3339, as in 2026-11-20T12:00:00Z.") var since: Timestamp?
    @Option(help: "Received before this time.") var until: Timestamp?
    @Argument(help: "Only these ids.") var ids: [SequenceNumber] = []

    var filter: DeadLetterFilter {
        DeadLetterFilter(
            ids: Set(ids), reasons: Set(reason), events: Set(event), inputs: Set(input), sqlstates: Set(sqlstate),
            since: since, until: until)
    }

    /// The choice of a command that changes something: it has to be made.
    ///
    /// - Parameter all: whether all of them were asked for, in so many words.
    func choice(all: Bool) throws -> DeadLetterFilter {
        let isChosen = filter != DeadLetterFilter()
        if all == isChosen {
            throw CommandFailure(
                .usage,
                all
                    ? "--all and a choice do not go together"
                    : "name ids, or choose by --reason, --event, --input, --sqlstate, --since, --until, or say --all")
        }
        return filter
    }

    /// Says which places of the store were passed over.
    static func tell(_ damage: [String]) {
        for place in damage {
            StandardError.write("opslogd: \(place) is damaged and was passed over; the rest is intact\n")
        }
    }
}

extension SequenceNumber: ExpressibleByArgument {
    /// Digits, with or without leading zeros.
    public init?(argument: String) {
        guard argument.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt64(argument) else {
            return nil
        }
        self.init(number)
    }
}

extension RejectionReason: ExpressibleByArgument {
    public init?(argument: String) { self.init(name: argument) }
    public static var allValueStrings: [String] { allCases.map(\.name) }
}

extension EventKind: ExpressibleByArgument {
    public init?(argument: String) { self.init(name: argument) }
    public static var allValueStrings: [String] { allCases.map(\.name) }
}

extension Timestamp: ExpressibleByArgument {
    public init?(argument: String) { self.init(rfc3339: argument) }
}
