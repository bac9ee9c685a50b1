import ArgumentParser
import DeadLetters
import Glibc
import LinuxSystem
import OperationLogs
import OperationLogsClient
import PostgreSQL
import PrivatePostgreSQL
import Telemetry

struct DemoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Shows the whole job on this machine: PostgreSQL, schema, daemon, producers, and the rows.",
        discussion: """
            Everything happens in a directory of its own, which is removed at the end. PostgreSQL never runs as root: \
            as root it runs as the user postgres or nobody.
            """)

    @Flag(help: "Leave the directory there at the end.") var keep = false

    private static let socketRounds = 100
    private static let fileRounds = 50

    func run() throws {
        let place = try DemoPlace()
        defer { if !keep { place.remove() } }

        step("A private PostgreSQL in \(place.path)")
        let server = try PrivateServer(directory: place.path + "/postgresql")
        try server.start()
        defer { server.stop() }
        let created = try Schema.apply(conninfo: server.conninfo).filter(\.isNew)
        step("Its schema: \(created.count) objects of operation_logs created")

        try place.writeConfiguration(conninfo: server.conninfo)
        step("The daemon: opslogd run --config \(place.configuration)")
        let daemon = try DemoDaemon(place: place)
        defer { daemon.stop() }
        try daemon.awaitReady()

        try produce(place)
        try daemon.awaitDrained()
        try showRows(server)
        try showDeadLetters(place)
        epilogue(place)
    }

    /// One producer on the socket, which waits for its acknowledgements, and one that appends to a file.
    private func produce(_ place: DemoPlace) throws {
        let lines = DemoLines.socket(rounds: Self.socketRounds)
        let sender = try DurableSender(connectingTo: place.socket)
        try sender.send(lines)
        let outcome = try sender.finish()
        step("A pipeline process wrote \(outcome.lines) lines to the socket, all acknowledged as durable")
        try place.appendToLog(DemoLines.file(rounds: Self.fileRounds))
        step(
            "A legacy job appended \(Self.fileRounds * 2 + DemoLines.wrong.count) lines to a log file, \(DemoLines.wrong.count) of them wrong"
        )
    }

    private func showRows(_ server: PrivateServer) throws {
        let expected = DemoLines.expectedRows(socketRounds: Self.socketRounds, fileRounds: Self.fileRounds)
        StandardOutput.line("")
        var table = TextTable(["TABLE", "ROWS"], rightAligned: [1])
        var differs: [String] = []
        for (name, rows) in try DemoTables.rowCounts(conninfo: server.conninfo) {
            table.add([name, Printable.count(rows)])
            if expected[name] != rows { differs.append("\(name) has \(rows) rows instead of \(expected[name] ?? 0)") }
        }
        table.print(indent: "  ")
        guard differs.isEmpty else { throw CommandFailure(.notSo, "the demo found \(differs.joined(separator: ", "))") }
    }

    private func showDeadLetters(_ place: DemoPlace) throws {
        StandardOutput.line("")
        var table = TextTable(["DEAD LETTER", "REASON", "DETAIL"], rightAligned: [0])
        var count = 0
        try DeadLetterList(in: DirectoryStorage(path: place.state)).forEach { letter in
            table.add(["\(letter.id.rawValue)", letter.reason.name, letter.detail])
            count += 1
            return true
        }
        table.print(indent: "  ")
        guard count == DemoLines.wrong.count else {
            throw CommandFailure(.notSo, "the demo found \(count) dead letters instead of \(DemoLines.wrong.count)")
        }
    }

    private func epilogue(_ place: DemoPlace) {
        StandardOutput.line("")
        StandardOutput.line(
            """
            Every line is a row or a dead letter, once. What to try next:
              opslogd validate FILE                    what the daemon would make of your lines
              opslogd schema print                     the tables
              examples/opslogd.yaml                    every key of the configuration
              opslogd run --config FILE                the daemon on your own files and socket
            """)
        if keep { StandardOutput.line("  \(place.path) was left there") }
    }

    private func step(_ text: String) {
        StandardOutput.line(Style.output.green("▸ ") + Printable.text(text))
    }
}
