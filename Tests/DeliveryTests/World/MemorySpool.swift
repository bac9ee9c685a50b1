import OperationLogs
import Synchronization

/// A spool in memory: groups of chunks, read back as the port says. What a group's memory held is overwritten as soon
/// as the source is asked again, so that nobody keeps a pointer into it.
final class MemorySpool: RecordSource, @unchecked Sendable {
    struct Group {
        var first: UInt64
        var count: Int
        var origin: RecordOrigin
        var payload: [UInt8]
    }

    private let groups = Mutex<[Group]>([])
    private let wake = Mutex<(@Sendable () -> Void)?>(nil)
    private var nextGroup = 0
    private var shown = UnsafeMutableRawBufferPointer.allocate(byteCount: 1, alignment: 1)
    private(set) var groupsRead = 0
    /// Known to be lost, as the port says it.
    var lost: ClosedRange<UInt64>?

    /// Every record, by its number less one.
    private(set) var records: [TestRecord] = []

    deinit { shown.deallocate() }

    /// Appends a group of chunks of records.
    func append(_ chunks: [[TestRecord]], run: UniqueID = UniqueID(high: 1, low: 1)) {
        let count = chunks.reduce(0) { $0 + $1.count }
        groups.withLock {
            let first = ($0.last.map { $0.first + UInt64($0.count) }) ?? 1
            let payload = chunks.flatMap(TestRecord.chunk)
            let chain = payload.reduce($0.last?.origin.chain ?? 0) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
            $0.append(
                Group(first: first, count: count, origin: RecordOrigin(run: run, chain: chain), payload: payload))
        }
        records += chunks.flatMap { $0 }
        wake.withLock { $0 }?()
    }

    var durable: SequenceNumber {
        groups.withLock { SequenceNumber($0.last.map { $0.first + UInt64($0.count) - 1 } ?? 0) }
    }

    func seek(to sequence: SequenceNumber) {
        hide()
        nextGroup = groups.withLock { groups in
            groups.firstIndex { $0.first + UInt64($0.count) > sequence.rawValue } ?? groups.count
        }
    }

    func next() -> RecordGroup? {
        hide()
        guard let group = groups.withLock({ nextGroup < $0.count ? $0[nextGroup] : nil }) else { return nil }
        nextGroup += 1
        groupsRead += 1
        shown.deallocate()
        shown = .allocate(byteCount: group.payload.count, alignment: 16)
        shown.copyBytes(from: group.payload)
        return RecordGroup(
            firstSequence: SequenceNumber(group.first), recordCount: group.count, origin: group.origin,
            payload: UnsafeRawBufferPointer(shown))
    }

    func origin(of sequence: SequenceNumber) -> RecordOrigin? {
        hide()
        return groups.withLock { groups in
            groups.first { $0.first <= sequence.rawValue && sequence.rawValue < $0.first + UInt64($0.count) }?.origin
        }
    }

    func lastLost(from sequence: SequenceNumber) -> SequenceNumber? {
        lost.flatMap { $0.contains(sequence.rawValue) ? SequenceNumber($0.upperBound) : nil }
    }

    func onDurable(_ wake: @escaping @Sendable () -> Void) { self.wake.withLock { $0 = wake } }

    /// Another spool with the same groups, as a copy of the files.
    func copy() -> MemorySpool {
        let copy = MemorySpool()
        let held = groups.withLock { $0 }
        copy.groups.withLock { $0 = held }
        copy.records = records
        return copy
    }

    /// Forgets groups, as if segments had been removed.
    func forget(group index: Int) { _ = groups.withLock { $0.remove(at: index) } }
    func forget(groups count: Int) {
        groups.withLock { $0.removeFirst(count) }
        nextGroup = max(0, nextGroup - count)
    }

    private func hide() {
        for index in shown.indices { shown[index] = 0xee }
    }
}

/// The spool's cursor and identity in memory. What is durable of the cursor may lag: `restart` goes back to an older
/// state. The identity, and what a rewind says, are durable at once.
final class MemoryLedger: DeliveryLedger, @unchecked Sendable {
    struct State {
        var lanes = EventKind.allCases.map { LanePosition(lane: $0, position: .zero, origin: nil) }
        var settled = SequenceNumber.zero
    }

    struct Refused: Error, CustomStringConvertible { let description = "records are no longer kept" }

    private(set) var spool = UniqueID(high: 5, low: 5)
    private(set) var run = UniqueID(high: 100, low: 0)
    private(set) var runs = [DaemonRun(id: UniqueID(high: 100, low: 0), firstSequence: SequenceNumber(1))]
    private(set) var history = [State()]
    private(set) var floors: [EventKind: SequenceNumber] = [:]
    private(set) var isDisputed = false
    private(set) var server: DatabaseServer?
    var refusesRewind = false
    var refusesGap = false
    /// What it was told of the database's rows: the highest position, and whether they fit.
    private(set) var comparisons: [(highest: SequenceNumber, isAccepted: Bool)] = []
    var state: State { history[history.count - 1] }

    var lanes: [LanePosition] { state.lanes }
    var settled: SequenceNumber { state.settled }
    let movedDeadLetters = SequenceNumber.zero
    func movedDeadLetters(upTo sequence: SequenceNumber) {}
    func floor(of lane: EventKind) -> SequenceNumber { floors[lane] ?? .zero }
    private(set) var acceptedGaps: [LaneGap] = []

    func committed(_ lanes: [LanePosition], settled: SequenceNumber) {
        var next = state
        for lane in lanes { next.lanes[Int(lane.lane.rawValue) - 1] = lane }
        next.settled = settled
        history.append(next)
    }

    func compared(_ rows: [LanePosition], isAccepted: Bool) {
        comparisons.append((rows.map(\.position).max() ?? .zero, isAccepted))
    }

    func rewind(_ lanes: [LanePosition], settled: SequenceNumber) throws {
        if refusesRewind { throw Refused() }
        history = [State(lanes: lanes, settled: settled)]
    }

    func fork(counted: [EventKind: SequenceNumber]) {
        spool = UniqueID(high: spool.high, low: spool.low &+ run.high &+ run.low &+ 1)
        floors = counted
        isDisputed = false
        history = [State(settled: max(settled, counted.values.min() ?? .zero))]
    }

    func dispute(_ isDisputed: Bool) {
        self.isDisputed = isDisputed
        history = [state]
    }

    func note(_ server: DatabaseServer) { self.server = server }

    func accept(_ gaps: [LaneGap]) throws {
        if refusesGap { throw Refused() }
        acceptedGaps += gaps
    }

    /// A new run of the daemon, which finds the cursor as it was that many notes ago.
    ///
    /// - Parameter high: tells the runs of one copy of a spool from those of another.
    func restart(lagging notes: Int = 0, after durable: SequenceNumber, high: UInt64 = 100) {
        history.removeLast(min(notes, history.count - 1))
        run = UniqueID(high: high, low: run.low + 1)
        runs.append(DaemonRun(id: run, firstSequence: durable.advanced(by: 1)))
    }

    /// Another ledger in the same state, as a copy of the files.
    func copy() -> MemoryLedger {
        let copy = MemoryLedger()
        (copy.spool, copy.run, copy.runs, copy.history) = (spool, run, runs, history)
        (copy.floors, copy.isDisputed, copy.server) = (floors, isDisputed, server)
        copy.acceptedGaps = acceptedGaps
        return copy
    }

    func set(_ state: State) { history = [state] }
}

final class MemoryDeadLetters: DeadLetterSink, @unchecked Sendable {
    struct Full: Error, CustomStringConvertible { let description = "the disk is full" }

    private(set) var letters: [UInt64: DeadLetter] = [:]
    struct Unusable: DeadLettersUnusable {}
    var failures = 0
    var isUnusable = false
    /// Appends succeed, and what was appended is not known afterwards.
    var isForgetful = false
    private(set) var asked = 0
    private(set) var forgotten = SequenceNumber.zero

    func append(_ new: [DeadLetter]) throws {
        if isUnusable { throw Unusable() }
        if failures > 0 {
            failures -= 1
            throw Full()
        }
        for letter in new where letters[letter.id.rawValue] == nil { letters[letter.id.rawValue] = letter }
    }

    func holdsRefusal(of sequence: SequenceNumber) -> Bool {
        asked += 1
        return !isForgetful && sequence > forgotten && letters[sequence.rawValue] != nil
    }

    func forgetRefusals(upTo sequence: SequenceNumber) { forgotten = sequence }
    func recallRefusals(after sequence: SequenceNumber) { forgotten = min(forgotten, sequence) }

    func mayHoldRefusals(from first: SequenceNumber, through last: SequenceNumber) -> Bool {
        letters.keys.contains { first.rawValue <= $0 && $0 <= last.rawValue }
    }
}
