import ArgumentParser
import DaemonConfiguration
import Intake
import LinuxSystem
import OperationLogs
import Spool

struct SpoolRereadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reread",
        abstract: "Lines of files that stood in a damaged place of the spool: lists them, and has them read again.",
        discussion: """
            Without a number it lists the ranges of which lines are set aside, with input, file and bytes, and whether a \
            file still holds them. With a number it says what reading that range again would do; with --yes too, the next \
            start of the daemon reads its lines, once, whatever interrupts it. Lines that were delivered before the \
            damage then stand in their tables twice: opslogd cannot tell which these are, or it had read the others itself.

            The list may be asked for at any time. A number needs the daemon stopped: 75 if it runs. An unknown range, or \
            one of which nothing is set aside, is 1.
            """)

    @OptionGroup var configuration: ConfigurationOption
    @Argument(help: "Of the range, as the list has it.") var range: Int?
    @Flag(help: "Read its lines again.") var yes = false
    @Flag(help: "The list as one JSON object a line.") var json = false

    func run() throws {
        let files = try StateFiles(configuration)
        let search = LostBytesSearch(in: MountedFileSystem(), places: try configuration.loadOrDefaults().rotatedPlaces)
        guard let range else {
            if yes {
                throw CommandFailure(.usage, "--yes needs the number of a range: 'opslogd spool reread' lists them")
            }
            return try list(files.spool().losses(), search)
        }
        let (lock, found) = try files.reread()
        var rereading = found
        try withExtendedLifetime(lock) {
            do {
                let loss = try files.spool().losses().first { $0.number == range }
                let now = Timestamp(unixMicroseconds: SystemTime().realtimeMicroseconds())
                try tell(rereading.ask(range, now: now, isMeant: yes), loss, range, search)
            } catch {
                throw CommandFailure(describing: error)
            }
        }
    }

    private func tell(
        _ outcome: SpoolRereading<DirectoryStorage>.Outcome, _ loss: LossSummary?, _ range: Int,
        _ search: LostBytesSearch<MountedFileSystem>
    ) throws {
        switch outcome {
        case .unknown:
            throw CommandFailure(
                .notSo, "there is no range \(range): 'opslogd spool reread' lists those that there are")
        case .nothingLeft:
            StandardOutput.line("range \(range): nothing to do: none of its lines is left to be read again")
        case .askedBefore:
            StandardOutput.line("range \(range): nothing to do: its lines are read again at the next start already")
        case .notForYou(.undecided):
            throw CommandFailure(
                .notSo,
                "range \(range): not decided yet: start opslogd with its database in reach: it reads the lines again by itself "
                    + "if none of them was delivered, else they are set aside")
        case .notForYou:
            throw CommandFailure(
                .notSo,
                "range \(range): nothing to say: none of its lines was delivered, and opslogd reads them by itself")
        case .asked:
            if let loss { describe(loss, search) }
            guard yes else {
                throw CommandFailure(
                    .usage,
                    "nothing is read again; 'opslogd spool reread \(range) --yes' has these lines read again at the next "
                        + "start: those that were delivered before then come twice")
            }
            StandardOutput.line(
                "range \(range): its lines are read again at the next start, once; those that were delivered before then "
                    + "come twice")
        }
    }

    private func describe(_ loss: LossSummary, _ search: LostBytesSearch<MountedFileSystem>) {
        StandardOutput.line("range \(loss.number): \(loss.records), lost \(loss.time.prefix(19))")
        for bytes in loss.sources {
            let place: String
            do {
                place =
                    try search.path(of: bytes).map { "held by \(Printable.text($0))" } ?? "no file holds them any more"
            } catch {
                place = "which file holds them cannot be told: \(Printable.text("\(error)"))"
            }
            StandardOutput.line(
                "input \(Printable.text(bytes.input)): \(Printable.text(bytes.path)): \(bytes.bytes): \(place)")
        }
    }

    private func list(_ losses: [LossSummary], _ search: LostBytesSearch<MountedFileSystem>) throws {
        let open = losses.filter { $0.state != .closed }
        var table = TextTable(["RANGE", "RECORDS", "STATE", "INPUT", "FILE", "BYTES", "HELD BY"], rightAligned: [0])
        for loss in open {
            if json {
                StandardOutput.line(object(loss, search))
                continue
            }
            let front = ["\(loss.number)", loss.records, loss.state.rawValue]
            if loss.sources.isEmpty { table.add(front + ["–", "–", "–", "–"]) }
            for bytes in loss.sources {
                table.add(
                    front + [
                        Printable.text(bytes.input), Printable.text(bytes.path), bytes.bytes,
                        (try? search.path(of: bytes)).flatMap { $0.map { Printable.text($0) } ?? "–" } ?? "?",
                    ])
            }
        }
        if json { return }
        guard !open.isEmpty else { return StandardOutput.line("no lines are set aside") }
        table.print()
    }

    private func object(_ loss: LossSummary, _ search: LostBytesSearch<MountedFileSystem>) -> String {
        var object = loss.jsonFront
        let sources = loss.sources.map { bytes in
            var source = bytes.jsonObject
            source.add("held_by", text: (try? search.path(of: bytes)) ?? nil)
            return source.text
        }
        object.add("sources", raw: "[" + sources.joined(separator: ",") + "]")
        return object.text
    }
}

extension LossSummary {
    /// Without what stands of its files.
    var jsonFront: JSONObjectWriter {
        var object = JSONObjectWriter()
        object.add("range", raw: "\(number)")
        object.add("state", text: state.rawValue)
        object.add("time", text: time)
        object.add("segment", text: segment)
        object.add("offset", raw: "\(offset)")
        let end = known ?? next
        let hasRecords = end.map { $0 > first } ?? false
        object.add("first_sequence", raw: next == nil || hasRecords ? "\(first.rawValue)" : "null")
        object.add("last_sequence", raw: hasRecords ? end.map { "\($0.rawValue - 1)" } ?? "null" : "null")
        return object
    }
}

extension SourceRange {
    var jsonObject: JSONObjectWriter {
        var object = JSONObjectWriter()
        object.add("input", text: input)
        object.add("path", text: path)
        object.add("from", raw: "\(from)")
        object.add("up_to", raw: upTo.map { "\($0)" } ?? "null")
        return object
    }
}
