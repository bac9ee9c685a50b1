import ArgumentParser
import DaemonConfiguration
import Glibc
import LinuxSystem
import OperationLogs

struct ValidateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate", abstract: "Parses lines as the daemon would, and names those that it would reject.",
        discussion: """
            Prints FILE:LINE:COLUMN: reason: detail for each rejected line; exit status 1 if there is one. Reads \
            standard input without FILE. With --input, lines are read as that input reads them, and each that is an \
            event is printed in the columns' own names: so a mapping can be tried before it goes live.
            """)

    @OptionGroup var configuration: ConfigurationOption
    @Option(help: "Read lines as this input of the configuration does.") var input: String?
    @Option(name: .customLong("max-line-bytes"), help: "The longest line, without its end.") var maxLineBytes: Int?
    @Argument(help: "Files of newline-delimited JSON.") var files: [String] = []

    mutating func validate() throws {
        guard maxLineBytes.map(InputSettings.lineBytesRange.contains) ?? true else {
            throw ValidationError("--max-line-bytes lies between 1024 and 16777216")
        }
    }

    func run() throws {
        let options = try encoderOptions()
        var rejected = 0
        for file in files.isEmpty ? ["-"] : files {
            let check = try LineCheck(file, options, printsEvents: input != nil)
            rejected += try check.run()
        }
        if rejected > 0 { throw ExitCode(ExitStatus.notSo.rawValue) }
    }

    private func encoderOptions() throws -> LineEncoder.Options {
        var options = LineEncoder.Options(
            maxLineBytes: maxLineBytes ?? InputSettings.usualMaxLineBytes,
            maxFutureMicroseconds: DeliverySettings().maxFuture.microseconds, counting: .lines,
            takesControlLines: false, reportsRejections: true)
        guard let input else { return options }
        let settings = try configuration.load().settings
        guard let found = settings.inputs.first(where: { $0.name == input }) else {
            let names = settings.inputs.map { "'\($0.name)'" }.joined(separator: ", ")
            throw CommandFailure(
                .usage, "\(configuration.file) has no input '\(Printable.text(input))'; there are: \(names)")
        }
        options.maxLineBytes = maxLineBytes ?? found.maxLineBytes
        options.maxFutureMicroseconds = settings.delivery.maxFuture.microseconds
        options.dialect = LineDialect(found.mapping)
        return options
    }
}

/// Takes the lines of one file, and prints what becomes of them.
private final class LineCheck {
    private let file: InputFile
    private let name: String
    private let printsEvents: Bool
    private var encoder: LineEncoder
    private let chunk = ChunkBuilder(expectedBytes: RecordLayout.fullChunk)
    private let received = Timestamp(unixMicroseconds: SystemTime().realtimeMicroseconds())
    private var line: UInt64 = 1
    private var rejected = 0
    private var output: [UInt8] = []

    init(_ file: String, _ options: LineEncoder.Options, printsEvents: Bool) throws {
        self.file = try InputFile(file)
        name = file == "-" ? "<stdin>" : file
        self.printsEvents = printsEvents
        encoder = LineEncoder(options, watermarkClock: WatermarkClock(notBefore: Timestamp(microseconds: .min)))
    }

    /// - Returns: how many lines were rejected.
    func run() throws -> Int {
        var buffer = LineBuffer()
        var isAtStart = true
        while try buffer.fill(from: file) {
            if isAtStart {
                isAtStart = false
                if buffer.withBytes({ $0.starts(with: [0xef, 0xbb, 0xbf]) }) { buffer.consume(3) }
            }
            while true {
                let progress = buffer.withBytes {
                    encoder.encode($0, offset: line, originator: 0, received: received, into: chunk)
                }
                buffer.consume(progress.consumed)
                try conclude(progress)
                if progress.pause == .needsMoreBytes { break }
            }
        }
        try conclude(
            buffer.withBytes {
                encoder.finish($0, offset: line, originator: 0, received: received, into: chunk)
            })
        return rejected
    }

    private func conclude(_ progress: LineEncoder.Progress) throws {
        line += UInt64(progress.lines)
        var rejections = encoder.takeRejections()[...]
        rejected += rejections.count
        if printsEvents {
            let closed = chunk.close(ticket: 0, receipt: nil)
            try ChunkReader(closed.bytes, firstSequence: SequenceNumber(1)).forEachRecord { record in
                if let event = try EventTuple(record) {
                    event.appendLine(to: &output)
                    output.append(0x0a)
                } else if let rejection = rejections.popFirst() {
                    note(rejection)
                }
            }
        } else {
            rejections.forEach(note)
            if chunk.isFull { _ = chunk.close(ticket: 0, receipt: nil) }
        }
        StandardOutput.write(output)
        output.removeAll(keepingCapacity: true)
    }

    private func note(_ rejection: LineEncoder.Rejection) {
        let finding = "\(rejection.column): \(rejection.reason.name): \(Printable.text(rejection.detail))"
        output += "\(name):\(rejection.offset):\(finding)\n".utf8
    }
}
