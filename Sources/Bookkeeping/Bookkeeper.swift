import Instruments
import LinuxSystem
import OperationLogs
import Synchronization

/// Keeps the books of a run: enters every durable record under its input, and strikes it out when it has its fate.
///
/// It reads the spool with readers of its own, behind everybody else, and asks the other stages nothing: what they say of
/// themselves it hears at the doors (`BookedSink`, `BookedLedger`), and compares. The definitions are in <doc:Bookkeeping>.
///
/// It holds nobody up. Where it cannot go on (a disk that fails, a damaged end) the books are closed, and say so; the stage
/// whose business that is ends the daemon, if anything has to.
public final class Bookkeeper: @unchecked Sendable {
    // Only the thread in `run` touches what is not Sendable: the two walks and the accounts.
    private let entering: RecordWalk
    private let settling: RecordWalk
    private let sink: BookedSink
    private let ledger: BookedLedger
    private let letters: BookedLetters
    private let diagnostics: Diagnostics
    private let wake: EventDescriptor
    private let stopped: EventDescriptor
    private let isStopping = Atomic<Bool>(false)
    private let published: Mutex<BooksReport>

    private var accounts = Accounts()
    private var entered: UInt64
    /// Up to here the records stood in the spool at the start.
    private let carriedEnd: UInt64
    /// By kind: every record up to here has its fate, in the books.
    private var closedUpTo: [UInt64]
    private var sample: LedgerSample
    private var events: [LedgerEvent] = []
    private var lettersMoved: UInt64
    private var lettersCounted: UInt64
    /// Rejected lines up to here were in the store at the start: they are not counted again. Nil where that cannot be told.
    private let lettersBefore: UInt64?
    private var saidUnaccounted = 0

    /// Read in one go; then somebody else has a turn, also behind a backlog of many gigabytes.
    private static let sliceBytes = 8 << 20
    private static let sliceMilliseconds = 15
    /// So often at most, so that much is done in one go.
    private static let pauseMilliseconds = 200

    /// To be made before inputs append anything and before delivery begins.
    ///
    /// - Parameters:
    ///   - makeReader: a reader that takes no part in what is decided about lines of damaged places.
    ///   - lettersBefore: up to here rejected lines stand in the store; nil if damage may have taken some.
    /// - Throws: `SystemError` where the process is out of descriptors.
    public init(
        makeReader: () -> any RecordSource, firstKept: @escaping @Sendable () -> SequenceNumber, sink: BookedSink,
        ledger: BookedLedger, letters: BookedLetters, lettersBefore: SequenceNumber?, registry: Registry,
        diagnostics: Diagnostics
    ) throws(SystemError) {
        entering = RecordWalk(source: makeReader(), firstKept: firstKept)
        settling = RecordWalk(source: makeReader(), firstKept: firstKept)
        self.sink = sink
        self.ledger = ledger
        self.letters = letters
        self.lettersBefore = lettersBefore?.rawValue
        self.diagnostics = diagnostics
        wake = try EventDescriptor()
        stopped = try EventDescriptor()
        let news = ledger.takeNews()
        sample = news.sample
        lettersMoved = news.lettersMoved
        lettersCounted = news.lettersCounted
        closedUpTo = [news.lettersMoved] + (1...8).map { news.sample.fate($0) }
        for kind in EventKind.allCases {
            let lane = Int(kind.rawValue)
            closedUpTo[lane] = max(closedUpTo[lane], ledger.floor(of: kind).rawValue)
        }
        entered = closedUpTo.min() ?? 0
        carriedEnd = entering.source.durable.rawValue
        published = Mutex(BooksReport())
        publish()
        registry.gauge(
            "opslogd_unaccounted_events",
            help:
                "Lines and records that are nowhere, or twice; NaN while that is not known. Anything but 0 is a fault."
        ) { [weak self] in self.map { $0.report.closed == nil ? Double($0.report.unaccounted) : .nan } ?? .nan }
    }

    /// As the books stood a moment ago.
    public var report: BooksReport { published.withLock { $0 } }

    /// Keeps the books until `stop()`, and takes one more turn then.
    public func run() {
        let wake = wake
        entering.source.onDurable { wake.signal() }
        ledger.onNews { wake.signal() }
        while true {
            let isLast = isStopping.load(ordering: .acquiring)
            do {
                while try turn(), !isStopping.load(ordering: .acquiring) {
                    stopped.wait(milliseconds: Self.sliceMilliseconds)
                }
            } catch {
                return close("\(error)")
            }
            if isLast { return }
            wake.wait()
            if !isStopping.load(ordering: .acquiring) { stopped.wait(milliseconds: Self.pauseMilliseconds) }
        }
    }

    /// Makes `run` return; from any thread.
    public func stop() {
        isStopping.store(true, ordering: .releasing)
        stopped.signal()
        wake.signal()
    }

    private func close(_ reason: String) {
        published.withLock { $0.closed = reason }
        sink.close()
        letters.entered(upTo: .largest)
        diagnostics.error("the books are not kept any more, and opslogd_unaccounted_events is unknown: \(reason)")
    }

    /// Enters what is durable and strikes out what has its fate, without waiting for anything but the disk, so that a
    /// simulated world can drive it.
    ///
    /// - Returns: whether there is more to do at once.
    package func turn() throws -> Bool {
        let news = ledger.takeNews()
        events += news.events
        let durable = entering.source.durable.rawValue
        let before = entered
        try enter(upTo: durable)
        while let event = events.first, event.reach <= entered {
            events.removeFirst()
            try settle(event, news)
        }
        if events.isEmpty, news.lettersMoved > lettersMoved, news.lettersMoved <= entered {
            try settleStretches(letters(news, in: .none), news)
        }
        letters.entered(upTo: SequenceNumber(closedUpTo[1...].min() ?? 0))
        publish()
        return entered > before && (entered < durable || !events.isEmpty)
    }

    private func publish() {
        var report = accounts.report(sink.reading)
        report.enteredUpTo = entered
        report.durable = entering.source.durable.rawValue
        published.withLock { $0 = report }
        guard report.unaccounted != saidUnaccounted else { return }
        saidUnaccounted = report.unaccounted
        guard saidUnaccounted > 0 else { return }
        diagnostics.error(
            "the books do not balance: \(saidUnaccounted) lines or records are unaccounted for, seen at record \(entered); "
                + "see 'opslogd reconcile', and keep the state directory as it is for whoever looks into it")
    }

    // MARK: Entering

    private func enter(upTo durable: UInt64) throws {
        var ranges = KindRanges.none
        ranges.after = closedUpTo
        ranges.through = [UInt64](repeating: .max, count: 9)
        entered = try entering.forEachChunk(
            after: entered, through: durable, maxBytes: Self.sliceBytes,
            absent: { absence, first, count in
                guard first > carriedEnd, absence != .unnamed else { return }
                accounts.missed(sink.missed(count), isLost: absence == .lost)
            },
            { chunk in
                let isCarried = chunk.firstSequence.rawValue <= carriedEnd
                let tally = try ChunkCount(ranges).all(chunk)
                accounts.enter(tally, isCarried: isCarried)
                if !isCarried { sink.met(tally.byInput, records: chunk.recordCount) }
            })
    }
}

// MARK: Striking out

extension Bookkeeper {
    private func settle(_ event: LedgerEvent, _ news: LedgerNews) throws {
        var ranges = KindRanges.none
        switch event {
        case .moved(let new, let proven):
            for lane in 1...8 where new.fate(lane) > closedUpTo[lane] {
                ranges.after[lane] = closedUpTo[lane]
                ranges.through[lane] = new.fate(lane)
            }
            let all = events.isEmpty ? letters(news, in: ranges) : ranges
            try settleStretches(all, news, to: new, proven: proven)
        case .rewound(let new):
            try rewind(to: new)
        case .forked(let new, let counted):
            for lane in 1...8 where counted[lane] > closedUpTo[lane] {
                ranges.after[lane] = closedUpTo[lane]
                ranges.through[lane] = counted[lane]
            }
            let count = try count(ranges, positions: counted)
            accounts.settle(count.done, .passedOver)
            accounts.settle(count.refused, .deadLettered)
            for lane in 1...8 { closedUpTo[lane] = max(closedUpTo[lane], counted[lane]) }
            sample = new
            try recount(count)
        }
    }

    /// With the rejected lines that were moved, so that one walk does for both.
    private func letters(_ news: LedgerNews, in ranges: KindRanges) -> KindRanges {
        guard news.lettersMoved > closedUpTo[0], news.lettersMoved <= entered else { return ranges }
        var ranges = ranges
        ranges.after[0] = closedUpTo[0]
        ranges.through[0] = news.lettersMoved
        return ranges
    }

    private func settleStretches(
        _ ranges: KindRanges, _ news: LedgerNews, to new: LedgerSample? = nil, proven: Set<Int> = []
    ) throws {
        var positions = new?.positions ?? sample.positions
        positions[0] = .max
        let count = try count(ranges, positions: positions)
        accounts.settle(count.done, ofLanes: .delivered, ofLetters: .deadLettered)
        accounts.settle(count.refused, .deadLettered)
        accounts.settle(count.stranded, .stranded)
        let forgiven = count.lost + count.freed
        if let new {
            for lane in 1...8 {
                accounts.compare(
                    lane, due: count.done.sum(of: lane), counted: Int(clamping: new.rows[lane] &- sample.rows[lane]),
                    forgiven: forgiven, isProven: proven.contains(lane))
                closedUpTo[lane] = max(closedUpTo[lane], ranges.through[lane])
            }
            sample = new
        }
        if ranges.through[0] > 0 {
            if lettersBefore != nil {
                accounts.compare(
                    0, due: count.lettersDue, counted: Int(clamping: news.lettersCounted &- lettersCounted),
                    forgiven: forgiven)
            }
            lettersCounted = news.lettersCounted
            lettersMoved = news.lettersMoved
            closedUpTo[0] = max(closedUpTo[0], ranges.through[0])
        }
        try recount(count)
    }

    /// Lanes that are behind are in the spool again. What was counted of a lane beyond where it stands now is undone.
    private func rewind(to new: LedgerSample) throws {
        var forward = KindRanges.none
        var back = KindRanges.none
        for lane in 1...8 {
            if new.positions[lane] > closedUpTo[lane] {
                forward.after[lane] = closedUpTo[lane]
                forward.through[lane] = new.positions[lane]
            } else if new.positions[lane] < sample.positions[lane] {
                let kind = EventKind(rawValue: UInt8(lane))
                let floor = kind.map { ledger.floor(of: $0).rawValue } ?? 0
                back.after[lane] = max(new.positions[lane], floor)
                back.through[lane] = closedUpTo[lane]
            }
        }
        let found = try count(forward, positions: new.positions)
        accounts.settle(found.done, .delivered)
        accounts.settle(found.refused, .deadLettered)
        for lane in 1...8 {
            accounts.compare(
                lane, due: found.done.sum(of: lane), counted: Int(clamping: new.rows[lane] &- sample.rows[lane]),
                forgiven: found.lost + found.freed, isProven: true, isUndone: true)
            closedUpTo[lane] = max(closedUpTo[lane], forward.through[lane])
        }
        let again = try count(back, positions: back.through)
        accounts.giveBack(again.done)
        accounts.takeBack(refused: again.refused)
        for lane in 1...8 where back.through[lane] > 0 { closedUpTo[lane] = back.after[lane] }
        sample = new
        try recount(found)
    }

    /// Counts what the spool has of a stretch.
    private func count(_ ranges: KindRanges, positions: [UInt64]) throws -> StretchCount {
        var count = StretchCount()
        for stretch in ranges.stretches {
            let counting = ChunkCount(stretch.ranges)
            let mask = stretch.ranges.mask
            let reached = try settling.forEachChunk(
                after: stretch.after, through: stretch.through,
                absent: { absence, _, records in
                    switch absence {
                    case .lost: count.lost += records
                    case .freed: count.freed += records
                    case .unnamed: count.isTorn = true
                    }
                },
                { chunk in
                    guard chunk.present & mask != 0 else { return }
                    try counting.add(
                        chunk, positions: positions, lettersBefore: lettersBefore ?? 0, letters: letters, to: &count)
                })
            // What was entered is readable up to there, or told to be absent.
            if reached < stretch.through { count.isTorn = true }
        }
        return count
    }

    /// Where records were not there to be counted, what is left without a fate is counted anew.
    private func recount(_ missing: StretchCount) throws {
        guard missing.lost + missing.freed > 0 else { return }
        var ranges = KindRanges.none
        for kind in 0..<9 where entered > closedUpTo[kind] {
            ranges.after[kind] = closedUpTo[kind]
            ranges.through[kind] = entered
        }
        let left = try count(ranges, positions: ranges.through)
        accounts.recount(
            left.everything, lost: missing.lost + left.lost, freed: missing.freed + left.freed)
    }
}
