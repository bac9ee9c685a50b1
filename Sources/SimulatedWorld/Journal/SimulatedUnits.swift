import Intake
import OperationLogs

/// The units that print to the journal, the journal, and the accounts of their lines.
///
/// A line is *owed*, once, unless its entry was removed, or went with a power cut, before it was durable in the spool; or
/// it is among those that the daemon passes over, and says so, where damage of the spool leaves in doubt whether they were
/// delivered.
final class SimulatedUnits {
    static let input = "j"
    /// The numbers of the units, as sources of lines.
    static let units = 20...21

    /// An entry's line; nil of what nobody wants.
    private struct Printed {
        let line: SimulatedLine?
        var isCut = false
    }

    let journal = SimulatedJournal()
    let options: JournalInputOptions
    let limits: JournalInputLimits
    private let time: SimulatedTime
    private var bootedAt: UInt64 = 0
    /// Of each entry in the journal.
    private var printed: [Printed] = []
    /// How many of them survive a power cut in any case.
    private var synced = 0
    private var next: [Int: Int] = [:]
    private var written: Set<SimulatedLine> = []
    private var owed: Set<SimulatedLine> = []
    /// Removed before they were durable, though some before them were: the daemon can tell.
    private var removed: Set<SimulatedLine> = []
    /// How many lines were durable when a power cut gave numbers free: until another is, nobody can tell what is missing.
    private var durableAtPowerCut = 0
    /// Whether the daemon has not said since what of its spool has survived that: more than it knew to be durable, if the
    /// disk kept what it had not made sure of.
    private var isSurvivalUnknown = false
    /// The lines that are durable now.
    var durable: () -> Set<SimulatedLine> = { [] }

    init(time: SimulatedTime) {
        self.time = time
        var options = JournalInputOptions(name: Self.input, units: ["loader@*.service"])
        options.maxLineBytes = 4096
        options.maxFutureMicroseconds = .max / 2
        self.options = options
        var limits = JournalInputLimits()
        limits.retryMilliseconds = 2000
        limits.unfinishedMilliseconds = 20_000
        limits.positionMilliseconds = 20_000
        limits.entriesInTurn = 7
        limits.windowBytes = 16 << 10
        self.limits = limits
    }

    func perform(_ action: UnitAction) {
        switch action {
        case .print(let unit, let lines, let isAtOnce, let isCut):
            if !isAtOnce { time.advance(milliseconds: 1) }
            for index in 1...lines { printLine(of: unit, isCut: isCut && index == lines) }
        case .chatter(let entries):
            for _ in 0..<entries { write("nothing for a table", unit: "cron.service", of: Printed(line: nil)) }
        case .sync: synced = printed.count
        case .vacuum(let entries): vacuum(entries)
        case .move:
            journal.renumber()
            journal.change = .filesChanged
        case .fail(let call, let nth): journal.failsAt[call] = nth
        }
    }

    private func printLine(of unit: Int, isCut: Bool) {
        let line = SimulatedLine(source: unit, number: next[unit, default: 1])
        next[unit] = line.number + 1
        written.insert(line)
        owed.insert(line)
        let text = String(decoding: line.bytes.dropLast(), as: UTF8.self)
        let name = "loader@\(unit).service"
        guard isCut else { return write(text, unit: name, of: Printed(line: line)) }
        let half = text.index(text.startIndex, offsetBy: text.count / 2)
        write(String(text[..<half]), unit: name, of: Printed(line: line, isCut: true), lineBreak: "line-max")
        write(String(text[half...]), unit: name, of: Printed(line: line))
    }

    private func write(_ text: String, unit: String, of entry: Printed, lineBreak: String? = nil) {
        journal.write(
            text, unit: unit, at: time.monotonicNanoseconds() / 1000 - bootedAt,
            realtime: UInt64(time.realtimeMicroseconds()), lineBreak: lineBreak, stream: unit)
        printed.append(entry)
        if journal.change == .nothing { journal.change = .appended }
    }

    /// Whole files go: as many entries, to the end of what has one time. What journald has cut goes once it is durable only:
    /// what would be left of it in the daemon's memory is a line that nobody has printed.
    private func vacuum(_ entries: Int) {
        let durable = durable()
        var count = 0
        for index in printed.indices {
            if printed[index].isCut, let line = printed[index].line, !durable.contains(line) { break }
            let isLastOfTime =
                index + 1 == printed.count || journal.entries[index].moment != journal.entries[index + 1].moment
            if isLastOfTime, !printed[index].isCut { count = index + 1 }
            if count >= entries { break }
        }
        let lines = printed.prefix(count).compactMap(\.line)
        journal.vacuum(count)
        printed.removeFirst(count)
        // What comes next is of another time: no file ends between two of one.
        if printed.isEmpty { time.advance(milliseconds: 1) }
        synced = max(0, synced - count)
        journal.change = .filesChanged
        let unread = owed.intersection(lines).subtracting(durable)
        owed.subtract(unread)
        if linesOfUnits(in: durable) > durableAtPowerCut { removed.formUnion(unread) }
    }

    /// The machine goes down: of what was not synced, the later part is gone.
    func powerCut(seed: UInt64) {
        var kept = synced + Int(seed >> 32 % UInt64(printed.count - synced + 1))
        if kept > 0, printed[kept - 1].isCut { kept -= 1 }
        let lines = printed[kept...].compactMap(\.line)
        journal.powerCut(losing: printed.count - kept)
        printed.removeLast(printed.count - kept)
        synced = printed.count
        let durable = durable()
        owed.subtract(Set(lines).subtracting(durable))
        durableAtPowerCut = linesOfUnits(in: durable)
        isSurvivalUnknown = true
        time.advance(milliseconds: 1000)
        bootedAt = time.monotonicNanoseconds() / 1000 - 1
    }

    /// The daemon has started: what is durable now was read before the last power cut.
    func daemonStarted() {
        if isSurvivalUnknown { durableAtPowerCut = linesOfUnits(in: durable()) }
        isSurvivalUnknown = false
    }

    private func linesOfUnits(in lines: Set<SimulatedLine>) -> Int { lines.count { Self.units.contains($0.source) } }

    /// The daemon has said that it passes over what may have been delivered.
    func passOver() {
        owed.formIntersection(durable())
        // What is printed from now on is of a later time.
        time.advance(milliseconds: 1)
    }

    /// The spool has lost these with its end. What is not in the journal any more cannot be read again.
    func lose(_ lines: [SimulatedLine]) { owed.subtract(Set(lines).subtracting(printed.compactMap(\.line))) }

    /// No faults any more; and an entry that tells by its number what is missing before it.
    func calm() {
        journal.failsAt = [:]
        perform(.chatter(entries: 1))
    }

    // MARK: The end

    /// Those that have not come.
    func missing(from lines: Set<SimulatedLine>) -> [SimulatedLine] {
        owed.subtracting(lines).sorted { ($0.source, $0.number) < ($1.source, $1.number) }
    }

    /// - Parameters:
    ///   - lines: all that came, in order, each once.
    ///   - isLossSaid: whether the daemon has said that something was removed before it was read.
    func check(_ lines: [SimulatedLine], isLossSaid: Bool) throws {
        var last: [Int: Int] = [:]
        for line in lines where Self.units.contains(line.source) {
            guard written.contains(line) else { throw BrokenPromise("no unit printed \(line.name)") }
            guard last.updateValue(line.number, forKey: line.source) ?? 0 < line.number else {
                throw BrokenPromise("\(line.name) came behind a line that its unit printed later")
            }
        }
        if !isLossSaid, let line = removed.subtracting(lines).min(by: { $0.number < $1.number }) {
            throw BrokenPromise(
                "\(line.name) was removed from the journal before it was read, and nothing was said of it")
        }
    }
}
