import ArgumentParser
import DaemonConfiguration
import Intake
import LinuxSystem
import OperationLogs
import Spool

struct InputsResetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reset", abstract: "Has files read again from their beginning; while the daemon is stopped.",
        discussion: """
            Of the files that are named, or of all files of an input; a rotated file by the name that it has now. The next \
            start reads them again from their beginning, once: lines that are in the spool already, or were delivered, \
            then come twice. Rows of watermarks are not moved back by that, since their updated_at decides. With \
            --to end it goes on behind the last line end that the file has now: what stands before, and was not read, is \
            never read.

            Without --yes it says what would become of each file, changes nothing, and exits 64. All files change in one \
            group of the spool: a crash leaves each as it was, or each as it was said. 75 if the daemon runs, or has to \
            settle damage of the spool first; 1 if no such file has a position, or one is not there any more.
            """)

    enum Target: String, ExpressibleByArgument, CaseIterable { case beginning, end }
    private typealias Reset = FilePositionReset<MountedFileSystem>

    @OptionGroup var configuration: ConfigurationOption
    @Option(help: "Of this input only; without FILE, all its files.") var input: String?
    @Option(help: "Where to read on: beginning or end.") var to = Target.beginning
    @Flag(help: "Do it.") var yes = false
    @Argument(help: "Absolute paths.") var file: [String] = []

    func run() throws {
        guard input != nil || !file.isEmpty else {
            throw CommandFailure(
                .usage, "name files, or an input with --input; 'opslogd inputs list' shows what there is")
        }
        let settings = try configuration.loadOrDefaults()
        let files = try StateFiles(configuration)
        let (lock, settlement) = try files.settle()
        try withExtendedLifetime(lock) {
            do {
                try refuseDamage(files)
                let changes = try plan(files, settings)
                for change in changes { StandardOutput.line(sentence(change)) }
                guard yes else {
                    throw CommandFailure(.usage, "nothing was changed; say it with --yes to do it")
                }
                try write(changes, files.writer(settings, of: settlement.birthName))
                StandardOutput.line("\(changes.count) \(changes.count == 1 ? "position" : "positions") set")
            } catch {
                throw CommandFailure(describing: error)
            }
        }
    }

    /// Lines that the spool lost are found by the positions around them: it must be settled first what becomes of those.
    private func refuseDamage(_ files: StateFiles) throws {
        guard try files.spool().losses().contains(where: { $0.state == .undecided }) else { return }
        throw CommandFailure(
            .tryAgain,
            "it is not decided yet what becomes of lines that the spool has lost: start opslogd with its database in reach, "
                + "stop it, and say this again")
    }

    /// What becomes of each file; nothing is changed.
    private func plan(_ files: StateFiles, _ settings: DaemonSettings) throws -> [Reset.Change] {
        let reset = Reset(in: MountedFileSystem(), places: settings.rotatedPlaces)
        var missing = Set(file)
        var changes: [Reset.Change] = []
        for position in try files.spool().positions() {
            guard let before = FilePositionSummary(key: position.key, value: position.value),
                input.map({ $0 == before.input }) ?? true
            else { continue }
            let change = try reset.change(
                key: position.key, value: position.value, to: to == .end ? .end : .beginning)
            let path = change?.presentPath ?? before.path
            guard file.isEmpty || file.contains(path) else { continue }
            guard let change else {
                if file.isEmpty { continue }
                throw CommandFailure(.notSo, "\(Printable.text(path)) is not there any more; nothing was changed")
            }
            guard !before.isInDoubt else {
                throw CommandFailure(
                    .tryAgain,
                    "how far \(Printable.text(path)) was read is in doubt since the spool was damaged: start opslogd so that it "
                        + "sets that aside, stop it, and say this again")
            }
            missing.remove(path)
            changes.append(change)
        }
        if let path = missing.min() {
            throw CommandFailure(
                .notSo, "\(Printable.text(path)) has no position; 'opslogd inputs list' shows those that there are")
        }
        guard !changes.isEmpty else {
            throw CommandFailure(.notSo, "no file of such an input has a position and is there")
        }
        guard changes.count <= Reset.mostChanges else {
            throw CommandFailure(
                .usage, "at most \(Reset.mostChanges) files at once: name some of the \(changes.count)")
        }
        return changes.sorted { ($0.before.input, $0.presentPath) < ($1.before.input, $1.presentPath) }
    }

    private func sentence(_ change: Reset.Change) -> String {
        let (before, path) = (change.before, Printable.text(change.presentPath))
        let front = "input \(Printable.text(before.input)): \(path): read up to byte \(before.offset)"
        if change.offset < before.offset {
            return front + ": is read again from byte \(change.offset): the lines between come twice"
        }
        if change.offset > before.offset {
            return front + ": goes on at byte \(change.offset): the lines between are left out"
        }
        return front + ": stays there"
    }

    private func write(_ changes: [Reset.Change], _ spool: SpoolWriter<DirectoryStorage, SystemTime>) throws {
        let receipt = ChunkReceipt(wake: try EventDescriptor())
        spool.append(Reset.chunk(changes, receipt: receipt))
        // Ends when that is durable.
        spool.stop()
        try spool.runUntilStopped()
        guard receipt.durableTicket == 1 else {
            throw CommandFailure(
                .tryAgain, "nothing was changed: the spool has no room for it: let it deliver, or make room on its disk"
            )
        }
    }
}

extension DaemonSettings {
    /// The directories in which the configuration says that rotated files are.
    var rotatedPlaces: [String] {
        inputs.flatMap { input -> [String] in
            guard case .file(let settings) = input else { return [] }
            // A pattern of files in a directory, or the directory itself.
            return settings.rotated.flatMap { [$0, $0.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" }] }
        }
    }
}
