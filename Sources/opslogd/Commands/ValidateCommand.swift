import ArgumentParser
import Glibc
import LinuxSystem
import OperationLogs

struct ValidateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate", abstract: "Parses lines as the daemon would, and names those that it would reject.",
        discussion: """
            Prints FILE:LINE:COLUMN: reason: detail for each rejected line; exit status 1 if there is one. Reads \
            standard input without FILE.
            """)

    @Option(name: .customLong("max-line-bytes"), help: "The longest line, without its end.")
    var maxLineBytes = 1 << 20

    @Argument(help: "Files of newline-delimited JSON.")
    var files: [String] = []

    mutating func validate() throws {
        guard (1 << 10...16 << 20).contains(maxLineBytes) else {
            throw ValidationError("--max-line-bytes lies between 1024 and 16777216")
        }
    }

    func run() throws {
        var rejected = 0
        for file in files.isEmpty ? ["-"] : files {
            rejected += try check(file)
        }
        if rejected > 0 { throw ExitCode(ExitStatus.notSo.rawValue) }
    }

    /// - Returns: how many lines were rejected.
    private func check(_ file: String) throws -> Int {
        let name = file == "-" ? "<stdin>" : file
        let input = try InputFile(file)
        var encoder = LineEncoder(
            LineEncoder.Options(
                maxLineBytes: maxLineBytes, maxFutureMicroseconds: 86_400_000_000, counting: .lines,
                takesControlLines: false, reportsRejections: true),
            watermarkClock: WatermarkClock(notBefore: Timestamp(microseconds: .min)))
        let chunk = ChunkBuilder(expectedBytes: RecordLayout.fullChunk)
        let originator = chunk.add(RecordOriginator(kind: .file, input: "validate", path: file))
        let received = Timestamp(unixMicroseconds: SystemTime().realtimeMicroseconds())
        var line: UInt64 = 1
        var rejected = 0

        func conclude(_ progress: LineEncoder.Progress) {
            line += UInt64(progress.lines)
            for rejection in encoder.takeRejections() {
                rejected += 1
                StandardOutput.line(
                    "\(name):\(rejection.offset):\(rejection.column): \(rejection.reason.name): \(Printable.text(rejection.detail))"
                )
            }
            if chunk.isFull { _ = chunk.close(ticket: 0, receipt: nil) }
        }

        var buffer = LineBuffer()
        while try buffer.fill(from: input) {
            while true {
                let progress = buffer.withBytes {
                    encoder.encode($0, offset: line, originator: originator, received: received, into: chunk)
                }
                buffer.consume(progress.consumed)
                conclude(progress)
                if progress.pause == .needsMoreBytes { break }
            }
        }
        conclude(
            buffer.withBytes {
                encoder.finish($0, offset: line, originator: originator, received: received, into: chunk)
            })
        return rejected
    }
}
