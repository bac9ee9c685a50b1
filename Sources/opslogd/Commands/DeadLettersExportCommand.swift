import ArgumentParser
import DeadLetters
import Glibc
import LinuxSystem
import OperationLogs

struct DeadLettersExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "All that are chosen, as NDJSON, oldest first; also while the daemon is down.",
        discussion: """
            Prints one JSON object a line, as `show --json` does; with --lines, the lines themselves, as they were received. \
            With --output they go into a new file, which is on disk when the command ends with 0.
            """)

    @OptionGroup var configuration: ConfigurationOption
    @Flag(help: "The lines that were rejected, or the events that were refused, and nothing else.") var lines = false
    @Option(help: "A file that does not exist yet.") var output: String?
    @OptionGroup var selection: DeadLetterSelection

    func run() throws {
        // Made before root becomes the daemon's user, who may not write there.
        let file = try output.map(ExportFile.init)
        var count = 0
        let damage = try StateFiles(configuration).forEachDeadLetter(selection.filter) { letter in
            let bytes = (lines ? letter.line : Array(letter.json.utf8)) + [0x0a]
            if let file { try file.write(bytes) } else { StandardOutput.write(bytes) }
            count += 1
            return true
        }
        if let file {
            try file.finish()
            StandardError.write("opslogd: \(Printable.count(count)) dead letters in \(file.path)\n")
        }
        DeadLetterSelection.tell(damage)
    }
}

/// A new file that is written piece by piece.
private final class ExportFile {
    let path: String
    private let descriptor: Descriptor
    private var pending: [UInt8] = []

    init(_ path: String) throws {
        self.path = path
        let opened = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard opened >= 0 else {
            if errno == EEXIST { throw CommandFailure(.usage, "\(path) exists already; name a new file") }
            throw CommandFailure(describing: SystemError.last("open", path))
        }
        descriptor = Descriptor(owning: opened)
    }

    func write(_ bytes: [UInt8]) throws {
        pending += bytes
        if pending.count >= 1 << 20 { try flush() }
    }

    /// On disk when this returns.
    func finish() throws {
        try flush()
        guard fsync(descriptor.rawValue) == 0 else {
            throw CommandFailure(describing: SystemError.last("fsync", path))
        }
    }

    private func flush() throws {
        var rest = pending[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { bytes in
                retryingInterrupts { Glibc.write(descriptor.rawValue, bytes.baseAddress, bytes.count) }
            }
            guard let written else { throw CommandFailure(describing: SystemError.last("write", path)) }
            rest = rest.dropFirst(written)
        }
        pending.removeAll(keepingCapacity: true)
    }
}
