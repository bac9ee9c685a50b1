import ArgumentParser
import Glibc

/// The one binary: the daemon and the commands of the people who run it.
@main
struct Opslogd: AsyncParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "opslogd",
        abstract: "Ships operation logs into PostgreSQL, from line to row exactly once.",
        discussion: """
            Tails newline-delimited JSON files, listens on a Unix socket, makes each line durable in a local spool and \
            delivers it into the schema operation_logs.

            Exit status: 0 done, 1 the thing asked about is not so, 64 usage, 66 no such input, 69 a service is not \
            reachable, 74 I/O, 75 try again, 77 permission, 78 configuration.
            """,
        version: version,
        subcommands: [
            RunCommand.self, CheckCommand.self, ValidateCommand.self, SendCommand.self, StatusCommand.self,
            SpoolCommand.self, DeliveryCommand.self, DrainCommand.self, InputsCommand.self, WatermarkCommand.self,
            DeadLettersCommand.self, ReconcileCommand.self, TraceCommand.self,
            SchemaCommand.self, DemoCommand.self,
            CompletionsCommand.self,
        ])

    static func main() async {
        // A peer that went away is an error of the write, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        // Before its first thread: libdispatch complains to the system's log where it may not raise a thread's priority,
        // which is any user but root.
        setenv("LIBDISPATCH_LOG", "NO", 0)
        do {
            try UnavailableCommand.refuse(CommandLine.arguments)
            var command = try parseAsRoot()
            if var asynchronous = command as? AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            conclude(error)
        }
    }

    /// Ends the process: prints what ArgumentParser has to print, or the one line of a failure, and exits by its status.
    private static func conclude(_ error: any Error) -> Never {
        if let failure = error as? CommandFailure {
            failure.report()
        }
        let code = exitCode(for: error)
        switch code {
        case .success:
            StandardOutput.line(fullMessage(for: error))
            Glibc.exit(ExitStatus.done.rawValue)
        case .validationFailure:
            CommandFailure(.usage, "\(inOneLine(message(for: error))); see '\(help(in: fullMessage(for: error)))'")
                .report()
        default:
            if error is ExitCode { Glibc.exit(code.rawValue) }
            CommandFailure(describing: error).report()
        }
    }

    /// A sentence, and the list that it may end with.
    private static func inOneLine(_ text: String) -> String {
        let lines = text.split(separator: "\n").map { $0.drop { $0 == " " } }
        guard let first = lines.first else { return text }
        let choices = lines.dropFirst().filter { $0.hasPrefix("- ") }.map { $0.dropFirst(2) }
        return choices.isEmpty ? String(first) : "\(first) \(choices.joined(separator: ", "))"
    }

    /// What ArgumentParser names for more: the help of the very command.
    private static func help(in text: String) -> String {
        let named = text.split(separator: "\n").last { $0.contains("See '") }
        return named?.split(separator: "'").dropFirst().first.map(String.init) ?? "opslogd --help"
    }
}
