import ArgumentParser
import DaemonConfiguration
import Foundation
import LinuxSystem
import OperationLogs

struct TraceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace", abstract: "Where a line is now: FILE:OFFSET, or the number of a record or dead letter.",
        discussion: """
            A line of a file is named by any of its bytes, as 'opslogd status', dead letters and 'opslogd spool cat' count \
            them, from 0. A line of a socket is named by its record's number, which 'opslogd spool cat' and dead letters \
            show. Says whether it is not read yet, durable in the spool, delivered to its table (as far as the table's lane \
            has got), a dead letter and why, passed over, lost in a damaged place, or no longer known.

            Also while the daemon is down: then what counts as delivered may lag the database by a second. A file name that \
            was used before may give several lines, the newest last; so does a line that was sent again. A file that was \
            renamed is found by its present name for as long as 'opslogd inputs list' has it, and by the name under which \
            it was read.

            Exit status: 0 the line is known, 1 it is not, or it is lost or unaccounted for, 66 the daemon has never run here.
            """)

    @OptionGroup var configuration: ConfigurationOption
    @Flag(help: "One JSON object a line.") var json = false
    @Argument(help: "FILE:OFFSET, or the number of a record.") var line: String

    func run() throws {
        let settings = try configuration.loadOrDefaults()
        let lanes = Self.lanes(ControlQuestion(settings: settings))
        let found: [TracedLine]
        do {
            found = try traced(StateFiles(configuration), lanes)
        } catch {
            throw CommandFailure(describing: error)
        }
        for line in found {
            if json { StandardOutput.line(line.json) } else { line.print() }
        }
        let bad = found.first { [.unknown, .forgotten, .lost, .unaccounted, .notInDatabase].contains($0.state) }
        if let bad { throw CommandFailure(.notSo, "\(line): \(bad.sentence)") }
    }

    private func traced(_ files: StateFiles, _ lanes: [String: UInt64]) throws -> [TracedLine] {
        if let sequence = SequenceNumber(argument: line) {
            return [try LineTrace(files, lanes: lanes).line(sequence)]
        }
        guard let colon = line.lastIndex(of: ":"), let byte = UInt64(line[line.index(after: colon)...]),
            colon > line.startIndex
        else {
            throw CommandFailure(
                .usage, "\(line): give FILE:OFFSET, or the number of a record; see 'opslogd trace --help'")
        }
        let given = String(line[..<colon])
        let path = given.hasPrefix("/") ? given : FileManager.default.currentDirectoryPath + "/" + given
        let standard = URL(fileURLWithPath: path).standardizedFileURL.path
        // One that is gone, or cannot be looked at, is known by its name only.
        let identity = try? FileIdentity.at(path)
        return try LineTrace(files, lanes: lanes).lines([path, standard], byte, of: identity)
    }

    /// Where a running daemon knows its lanes to be; nothing while none runs.
    private static func lanes(_ question: ControlQuestion) -> [String: UInt64] {
        guard let page = try? StatusPage(json: question.get("/status")) else { return [:] }
        return Dictionary(
            page.delivery.lanes.map { ($0.table, $0.position) }, uniquingKeysWith: { first, _ in first })
    }
}
