import ArgumentParser
import DaemonConfiguration
import Glibc
import OperationLogs
import OperationLogsClient

struct SendCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "send", abstract: "Sends lines, or one event, and waits until they are durable.",
        usage: """
            opslogd send [--socket P] [FILE …]
            opslogd send [--socket P] EVENT key=value …
            """,
        discussion: """
            Reads standard input without FILE. Ends with 0 when every line is on disk and none was rejected; with 1 if \
            one was, naming it and the reason.
            """)

    @OptionGroup var configuration: ConfigurationOption
    @Option(help: "The daemon's socket; without it the first socket input of the configuration.") var socket: String?
    @Argument(help: "Files of newline-delimited JSON, or an event and its columns.") var words: [String] = []

    func run() throws {
        let source = try SendSource(words)
        let progress = SendProgress()
        do {
            let sender = try DurableSender(
                connectingTo: try socketPath(), onDurable: { progress.show($0) },
                onRejection: { progress.add($0, at: source.place(of: $0.line)) })
            try source.forEachPart { try sender.send($0) }
            let outcome = try sender.finish()
            progress.conclude(outcome)
        } catch let error as SendingError {
            throw CommandFailure(describing: error)
        }
        if progress.rejected > 0 { throw ExitCode(ExitStatus.notSo.rawValue) }
    }

    private func socketPath() throws -> String {
        if let socket { return socket }
        // A producer need not be able to read the daemon's configuration: it then asks at the usual path.
        let isReadable = access(configuration.file, R_OK) == 0
        if configuration.file == ConfigurationFile.usualPath, !isReadable { return SocketInputSettings.usualPath }
        for case .socket(let input) in try configuration.loadOrDefaults().inputs { return input.path }
        return SocketInputSettings.usualPath
    }
}

/// What is sent: files one after the other, or one event made of words.
private final class SendSource {
    private enum Content {
        case event(String)
        case files([String])
    }

    private let content: Content
    /// The number of the last line before each file, as they were opened.
    private var starts: [(file: String, linesBefore: UInt64)] = []
    private var lines: UInt64 = 0

    init(_ words: [String]) throws {
        if let first = words.first, let kind = EventKind(name: first) {
            content = .event(try EventWords.line(kind, words.dropFirst()))
        } else {
            content = .files(words.isEmpty ? ["-"] : words)
        }
    }

    /// Calls `body` with parts of the text that end with a line's end.
    func forEachPart(_ body: (ArraySlice<UInt8>) throws -> Void) throws {
        switch content {
        case .event(let line): try body(Array(line.utf8)[...])
        case .files(let files):
            for file in files {
                let input = try InputFile(file)
                starts.append((file == "-" ? "<stdin>" : file, lines))
                try send(input, body)
            }
        }
    }

    private func send(_ input: InputFile, _ body: (ArraySlice<UInt8>) throws -> Void) throws {
        var buffer = [UInt8](repeating: 0, count: 256 << 10)
        var endsInLine = false
        while true {
            let count = try buffer.withUnsafeMutableBytes { try input.read(into: $0) }
            guard count > 0 else { break }
            lines += UInt64(buffer[..<count].count { $0 == 0x0a })
            endsInLine = buffer[count - 1] != 0x0a
            try body(buffer[..<count])
        }
        if endsInLine {
            lines += 1
            try body([0x0a])
        }
    }

    /// `FILE:LINE` of a line among all that were sent.
    func place(of line: UInt64) -> String {
        guard let start = starts.last(where: { $0.linesBefore < line }) else { return "event" }
        return "\(start.file):\(line - start.linesBefore)"
    }
}

/// Tells how far it has got, on a terminal, and what was rejected.
private final class SendProgress {
    private(set) var rejected: UInt64 = 0
    private let isShown = StandardError.isTerminal

    func show(_ durable: UInt64) {
        if isShown { StandardError.write("\r\(Printable.count(durable)) lines durable") }
    }

    func add(_ rejection: LineRejection, at place: String) {
        rejected += 1
        StandardError.write(
            "\(isShown ? "\r" : "")opslogd: \(place): \(rejection.reason): \(Printable.text(rejection.detail))\n")
    }

    func conclude(_ outcome: DurableSender.Outcome) {
        guard isShown else { return }
        StandardError.write(
            "\r\(Printable.count(outcome.lines)) lines durable, \(Printable.count(outcome.rejected)) rejected\n")
    }
}
