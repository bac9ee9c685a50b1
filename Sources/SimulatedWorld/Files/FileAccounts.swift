/// What must become of each complete line that a job has written: it is *owed*, once, unless its loss is one of those that
/// are stated.
///
/// A line is lost without fault where nothing that holds it is left before it is durable in the spool: the file was
/// truncated after its copy was made, or without one; it was deleted, and the daemon did not have it open, or ended before
/// it had handed over what stood in it; it had left the patterns before the daemon's first start was durable, or was there
/// before that start, and could not be opened in it. Such a line may come all the same, but not twice. What is durable stays
/// owed, whatever becomes of its file.
final class FileAccounts {
    private(set) var owed: Set<SimulatedLine> = []
    /// In which content each line was written.
    private var contents: [SimulatedLine: Int] = [:]
    /// Where it begins in its file.
    private var offsets: [SimulatedLine: Int] = [:]
    private var abandoned: Set<SimulatedLine> = []
    /// In files that the running daemon had open when they lost their last name, and has closed since.
    private var released: [SimulatedLine] = []
    /// Lost their last name while the daemon was in the middle of a turn.
    private var undecided: [SourceNode] = []
    /// Nanoseconds since 1970: of those that were not durable, the last.
    private var firstStart: Int64 = .min
    private var isInTurn = false
    private var isEnding = false
    private let disk: SourceDisk
    /// Whether a file that is rotated loses the name by which it can be found: where rotated files are under the patterns
    /// too, one that is found only then has a name, and its last line waits.
    private let seesRotations: Bool
    /// The lines that are durable now.
    var durable: () -> Set<SimulatedLine> = { [] }
    /// Whether it is durable that the daemon was started.
    var isStartDurable: () -> Bool = { false }

    private let isWanted: ((directory: String, name: String)) -> Bool

    /// - Parameter isWanted: whether a name is under the daemon's patterns.
    init(
        of disk: SourceDisk, seesRotations: Bool, isWanted: @escaping ((directory: String, name: String)) -> Bool
    ) {
        self.isWanted = isWanted
        self.seesRotations = seesRotations
        self.disk = disk
        disk.onUnlinked = { [weak self] in self?.unlinked($0) }
        disk.onNamed = { [weak self] in self?.nameChanged($0) }
        disk.onFreed = { [weak self] in self?.freed($0) }
    }

    func offset(of line: SimulatedLine) -> Int { offsets[line] ?? 0 }

    /// Those that stand in files under the patterns, in which they were written: what led to a copy may be lost with it.
    var standing: Set<SimulatedLine> {
        var lines: Set<SimulatedLine> = []
        for node in disk.named where isWanted(node.place) {
            lines.formUnion(node.lines.lazy.map(\.line).filter { self.contents[$0] == node.content })
        }
        return lines
    }

    func isAbandoned(_ line: SimulatedLine) -> Bool { abandoned.contains(line) }

    // MARK: What jobs do

    func wrote(_ line: SimulatedLine, to node: SourceNode, isAbandoned: Bool = false) {
        node.note(line)
        contents[line] = node.content
        offsets[line] = node.size - line.bytes.count + (isAbandoned ? 1 : 0)
        owed.insert(line)
        if isAbandoned {
            abandoned.insert(line)
            if !seesRotations { owed.remove(line) }
        }
        if !isReachable(node) { excuse([line]) }
    }

    /// What stands in the file is gone when `body` is done.
    func destroys(_ node: SourceNode, _ body: () -> Void) {
        let lines = node.lines.map(\.line)
        body()
        excuse(lines)
    }

    private func unlinked(_ node: SourceNode) {
        guard node.handles > 0 else { return }
        if isInTurn { undecided.append(node) } else { node.isFollowedWithoutName = true }
    }

    private func freed(_ node: SourceNode) {
        let lines = node.lines.map(\.line)
        defer { node.isFollowedWithoutName = false }
        guard node.isFollowedWithoutName, !isEnding else { return excuse(lines) }
        released += lines
    }

    /// Lines are no longer owed of which nothing is left, unless they are durable.
    private func excuse(_ lines: [SimulatedLine]) {
        var left = Set(lines).intersection(owed)
        guard !left.isEmpty else { return }
        left.subtract(durable())
        for node in disk.named + disk.nameless where !left.isEmpty && isReachable(node) {
            left.subtract(node.lines.map(\.line))
        }
        owed.subtract(left)
    }

    private func isReachable(_ node: SourceNode) -> Bool {
        !node.isForeign && (node.links > 0 || node.isFollowedWithoutName)
    }

    /// A file has got a name: if that is not under the patterns, and the daemon's first start is not durable, or could not
    /// look at it, it is none of its own.
    private func nameChanged(_ node: SourceNode) {
        let isSeen = isStartDurable() && (node.isOfFirstLook || node.birthNanoseconds > firstStart)
        guard !node.isForeign, !isWanted(node.place), !isSeen else { return }
        node.isForeign = true
        excuse(node.lines.map(\.line))
    }

    // MARK: What the daemon does

    func turnBegins() { isInTurn = true }

    func turnEnds() {
        isInTurn = false
        for node in undecided where node.handles > 0 { node.isFollowedWithoutName = true }
        undecided = []
    }

    /// The daemon ends, and `body` closes what it had open.
    func processEnds(_ body: () -> Void) {
        turnEnds()
        isEnding = true
        body()
        isEnding = false
        excuse(released)
        released = []
    }

    /// The daemon starts, and knows of no start before.
    func startsFirst() {
        firstStart = disk.nowNanoseconds
        disk.isFirstLook = true
        for node in disk.named { node.isOfFirstLook = false }
        for node in disk.named { nameChanged(node) }
    }

    /// It has looked at everything.
    func startEnds() { disk.isFirstLook = false }

    // MARK: The end

    /// Those that have not come.
    func missing(from lines: Set<SimulatedLine>) -> [SimulatedLine] {
        owed.subtracting(lines).sorted { ($0.source, $0.number) < ($1.source, $1.number) }
    }

    func summary(of lines: Set<SimulatedLine>, reported: UInt64) -> String {
        let all = Set(contents.keys)
        let lost = all.subtracting(lines)
        let lostBytes = lost.reduce(0) { $0 + $1.bytes.count }
        return
            "files: \(all.count) lines, \(owed.count) owed, \(lost.count) lost with \(lostBytes) bytes, \(reported) bytes told"
    }

    /// - Parameter lines: all that came from files, in order.
    func check(_ lines: [SimulatedLine]) throws {
        var last: [Int: SimulatedLine] = [:]
        for line in lines {
            guard let content = contents[line] else { throw BrokenPromise("nobody wrote \(line.name)") }
            if let before = last[content], before.number > line.number {
                throw BrokenPromise("\(line.name) stood before \(before.name) in one file, and came behind it")
            }
            last[content] = line
        }
    }
}
