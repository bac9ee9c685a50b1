import Glibc
import Instruments
import LinuxSystem
import OperationLogs
import Synchronization
import Testing

@testable import Intake

/// A long random history of real files – real inodes, real watches – against a model of what must arrive.
///
/// `OPSLOGD_FILES_STEPS` of one history, from `OPSLOGD_FILES_SEED`, which is printed.
@Suite struct FilesKernelTests {
    @Test func `no random history of real files loses or doubles a line`() throws {
        func setting(_ name: String) -> UInt64? { getenv(name).flatMap { UInt64(String(cString: $0)) } }
        let seed = setting("OPSLOGD_FILES_SEED") ?? 1
        let steps = Int(setting("OPSLOGD_FILES_STEPS") ?? 10_000)
        print("real files: seed \(seed), \(steps) steps")
        // How often it is waited until all has come.
        let every = Int(setting("OPSLOGD_FILES_EVERY") ?? 250)
        let history = try KernelHistory(seed: seed)
        for step in 0..<steps {
            history.step()
            guard step % every == every - 1 || step == steps - 1 || history.hasDoubled else { continue }
            if let wrong = history.settledProblem() {
                let last = history.messages.list.suffix(Int(setting("OPSLOGD_FILES_SHOWN") ?? 80))
                Issue.record("seed \(seed), step \(step): \(wrong)\n\(last.joined(separator: "\n"))")
                return
            }
        }
        #expect(history.model.owed.count > steps / 3, "most of what was written is owed")
    }
}

/// The kernel's time of day, which stamps the files; the time that is waited for passes only when it is told to.
private final class LeapingClock: TimeSource {
    private let time = Atomic<UInt64>(1_000_000_000)
    func leap(milliseconds: UInt64) { time.add(milliseconds * 1_000_000, ordering: .relaxed) }
    func realtimeMicroseconds() -> Int64 { SystemTime().realtimeMicroseconds() }
    func monotonicNanoseconds() -> UInt64 { time.load(ordering: .relaxed) }
}

private final class KernelHistory {
    let model = FilesKernelModel()
    let messages = FileScene.Messages()
    private(set) var said: [String] = []
    private let spool = TestSpool()
    private let clock = LeapingClock()
    private let options: FileInputOptions
    private var limits = FileInputLimits()
    private var dice: SplitMix64
    private var tailer: FileTailer<MountedFileSystem, LeapingClock>?
    private var wake: EventDescriptor
    private var durable: Set<Int> = []
    private var seen = 0
    private var doubled: [Int] = []
    private var directories = 0

    init(seed: UInt64) throws {
        dice = SplitMix64(seed: seed)
        let root = model.directory
        options = FileInputOptions(
            name: "test",
            paths: seed % 2 == 0 ? ["\(root)/*.log*", "\(root)/d*/x.log"] : ["\(root)/*.log", "\(root)/d*/x.log"],
            rotated: ["\(root)/old"], maxLineBytes: 4096, maxOpenFiles: seed % 3 == 0 ? 256 : Int(seed % 3))
        limits.readBytes = 512
        limits.stopMilliseconds = 0
        wake = try EventDescriptor()
        model.isHeld = { [weak self] key in self?.tailer?.byKey[key]?.file != nil }
        model.knowsLinks = { [weak self] key in self?.tailer?.byKey[key]?.hasOtherLinks ?? false }
        model.tell = { [messages] in messages.add("  \($0)") }
        model.durable = { [weak self] in self?.takeDurable() ?? [] }
        start()
        settle()
    }

    // MARK: The daemon

    private func start() {
        guard tailer == nil, let descriptor = try? EventDescriptor() else { return }
        wake = descriptor
        spool.setAcknowledging(true)
        let messages = messages
        let made = FileTailer(
            options: options, limits: limits, sink: spool, wake: wake, fileSystem: MountedFileSystem(), clock: clock,
            watermarkClock: WatermarkClock(notBefore: Timestamp(microseconds: 0)),
            diagnostics: Diagnostics { severity, message in messages.add("\(severity): \(message)") },
            registry: Registry(), board: FileInputBoard(name: "test"), claims: FileClaims())
        tailer = made
        _ = made.begin(spool.positions)
    }

    private func stop() {
        guard let tailer else { return }
        spool.acknowledgeAll()
        tailer.end()
        spool.acknowledgeAll()
        model.daemonEnds { self.tailer = nil }
    }

    private func kill() {
        spool.die()
        model.daemonEnds { self.tailer = nil }
        spool.revive()
    }

    /// In the order in which the chunks came.
    private func acknowledge() {
        spool.setAcknowledging(true)
        spool.acknowledgeAll()
    }

    private func turns(_ most: Int) {
        for _ in 0..<most { if !(tailer?.turn() ?? false) { return } }
    }

    /// Until nothing is left to read.
    private func settle() {
        start()
        acknowledge()
        for _ in 0..<3 {
            turns(10_000)
            spool.acknowledgeAll()
        }
    }

    private func passTime(milliseconds: UInt64) {
        model.finishLines()
        settle()
        clock.leap(milliseconds: milliseconds)
        settle()
        model.forgetReleased()
    }

    private func takeDurable() -> Set<Int> {
        let new = spool.lines(from: seen)
        seen += new.count
        for line in new {
            messages.add("durable: \(line.path.dropFirst(model.directory.count))@\(line.offset): \(line.text)")
            guard let number = Int(line.text) else { continue }
            if !durable.insert(number).inserted { doubled.append(number) }
        }
        return durable
    }

    var hasDoubled: Bool { !takeDurable().isEmpty && !doubled.isEmpty }

    /// What has come too often, or not at all.
    func settledProblem() -> String? {
        // What was held back as a copy, what was put off, what was let go.
        for time: UInt64 in [300, 6000, 31_000] { passTime(milliseconds: time) }
        let missing = model.owed.subtracting(takeDurable()).sorted()
        if !doubled.isEmpty {
            let places = doubled.prefix(5).map { number in spool.lines.filter { $0.text == "\(number)" } }
            return "came twice: \(doubled.count), of them \(places)"
        }
        if !missing.isEmpty {
            let files = missing.prefix(10).map { line in
                "\(line) in \(model.nodes.filter { $0.lines.contains(line) }.map { $0.names.sorted() })"
            }
            return "\(missing.count) never came: \(files)"
        }
        return spool.failure
    }

    // MARK: What happens

    private func say(_ what: String) {
        _ = takeDurable()
        said.append(what)
        messages.add("step: \(what)")
    }

    private func roll(_ count: Int) -> Int { Int.random(in: 0..<count, using: &dice) }

    func step() {
        let name = ["a.log", "b.log", "c.log", "d1/x.log", "d2/x.log"][roll(5)]
        let action = roll(100)
        say("\(action) \(name)")
        switch action {
        case 0..<42: write(name)
        case 42..<50:
            if let target = model.rotate(name, into: action < 46 ? "" : "old") { say("\(name) is \(target) now") }
            model.keepRotated(60)
        case 50..<54: truncate(name)
        case 54..<58:
            if roll(2) == 0 { settle() }
            model.copyTruncate(name) { copy in
                say("\(name) is copied to \(copy)")
                if roll(2) == 0, let node = model.open(name) { model.write(to: node) }
                if roll(2) == 0 { turns(3) }
            }
        case 58..<62:
            if roll(3) > 0 { settle() }
            model.remove(name, writerStays: roll(2) == 0)
        case 62..<64: model.link(name, "hard-\(roll(3)).log")
        case 64..<66: model.remove("hard-\(roll(3)).log", writerStays: false)
        case 66..<68:
            if roll(2) == 0 { settle() }
            model.pointLink("link.log", to: "targets/\(said.count)")
        case 68..<70:
            if model.node("link.log") != nil, let node = model.open("link.log") { model.write(to: node) }
        case 70..<72:
            let rotated = model.nodes.flatMap(\.names).filter { !$0.hasSuffix(".log") }.sorted()
            if !rotated.isEmpty { model.remove(rotated[roll(rotated.count)], writerStays: false) }
        case 72..<74:
            if roll(2) == 0 { settle() }
            model.removeDirectory("d\(1 + roll(2))")
        case 74..<78: stop()
        case 78..<80: kill()
        case 80..<84: start()
        case 84..<86: spool.setAcknowledging(false)
        case 86..<88: acknowledge()
        case 88..<90: passTime(milliseconds: [300, 6000, 70_000][roll(3)])
        default: turns(1 + roll(4))
        }
    }

    private func write(_ name: String) {
        if name.hasPrefix("d") { mkdir(model.path(String(name.prefix(2))), 0o755) }
        // A writer that has its file open writes to that, whatever it is called by now.
        let old = model.nodes.filter { $0.writer != nil && !$0.names.contains(name) }
        if roll(4) == 0, !old.isEmpty {
            let node = old[roll(old.count)]
            model.write(to: node)
            if roll(2) == 0 {
                model.finishLine(of: node)
                node.writer = nil
            }
            return
        }
        guard let node = model.open(name, startingWith: roll(4) == 0 ? "\u{feff}" : "") else { return }
        for _ in 0..<1 + roll(4) {
            switch roll(10) {
            case 0: model.write(to: node, upTo: 1 + roll(30))
            case 1: model.writeBlank(to: node)
            case 2, 3: model.write(to: node, end: "\r\n")
            default: model.write(to: node)
            }
        }
    }

    private func truncate(_ name: String) {
        guard let node = model.node(name) else { return }
        if roll(2) == 0 { settle() }
        model.truncate(node, name, refilled: roll(2) == 0)
    }
}
