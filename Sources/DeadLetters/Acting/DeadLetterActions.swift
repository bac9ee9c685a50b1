import LinuxSystem
import OperationLogs
import Synchronization

/// Carries out what people ask of dead letters: that they are sent again, or discarded. One request at a time; each dead
/// letter at most once, whatever interrupts it.
///
/// What is sent again goes through the spool as any line does, in one group with a note that names the dead letter: when
/// that group is durable, the dead letter is over. The mover, which meets the note, writes the tombstone. A crash leaves
/// either nothing of the group, and the dead letter as it was, or both.
public final class DeadLetterActions<Disk: Storage, Clock: TimeSource>: Sendable {
    private let stateDirectory: @Sendable () throws -> Disk
    private let store: DeadLetterStore<Disk>
    private let spool: UniqueID
    private let ledger: any DeliveryLedger
    private let sink: any RecordSink
    private let clock: Clock
    private let mover: DeadLetterMover<Disk, Clock>
    private let options: @Sendable (_ input: String) -> LineEncoder.Options?

    private struct UnderWay {
        /// What was handed to the spool, and has no tombstone yet; whether somebody waits for it.
        var ids: [SequenceNumber: Bool] = [:]
        /// Under which number, of what is awaited.
        var successors: [SequenceNumber: SequenceNumber] = [:]
    }
    private let underWay = Mutex(UnderWay())
    private let request = Mutex(())
    private let ended: EventDescriptor

    /// Lines that one request takes.
    static var requestBytes: Int { 8 << 20 }

    /// - Parameters:
    ///   - stateDirectory: opens it: the store is read anew for each request.
    ///   - spool: the name that it was made with.
    ///   - options: how an input of the configuration reads its lines, with `reportsRejections`; nil for one that is gone.
    /// - Throws: `SystemError` where the process is out of descriptors.
    public init(
        stateDirectory: @escaping @Sendable () throws -> Disk, store: DeadLetterStore<Disk>,
        mover: DeadLetterMover<Disk, Clock>, spool: UniqueID, ledger: any DeliveryLedger, sink: any RecordSink,
        clock: Clock,
        options: @escaping @Sendable (_ input: String) -> LineEncoder.Options?
    ) throws(SystemError) {
        self.stateDirectory = stateDirectory
        self.store = store
        self.spool = spool
        self.ledger = ledger
        self.sink = sink
        self.mover = mover
        self.clock = clock
        self.options = options
        ended = try EventDescriptor()
        store.onEnd { [weak self] in self?.note($0) }
    }

    /// Sends dead letters again, and waits until they are durable and their ends noted, or the time is over.
    ///
    /// - Returns: an outcome for each request, in their order.
    /// - Throws: `DeadLetterActionsError`: nothing was sent; `SystemError` where the store cannot be read: what was read
    ///   before it may have been sent.
    public func retry(_ requests: [RetryRequest], milliseconds: Int = 10_000) throws -> [LetterOutcome] {
        try request.withLock { _ in
            let batch = try begin(requests)
            let end = clock.monotonicNanoseconds() &+ UInt64(milliseconds) * 1_000_000
            while !isOver(batch) {
                let now = clock.monotonicNanoseconds()
                guard now < end else { break }
                ended.wait(milliseconds: Int((end - now) / 1_000_000) + 1)
            }
            return finish(batch)
        }
    }

    /// What sending them again would come to. Nothing is sent.
    public func tryOut(_ requests: [RetryRequest]) throws -> [LetterOutcome] {
        let wanted = Self.byID(requests)
        var outcomes: [SequenceNumber: LetterOutcome.Result] = [:]
        let chunk = ChunkBuilder()
        try forEach(Set(wanted.keys)) { letter in
            if let obstacle = obstacle(to: letter) { return outcomes[letter.id] = obstacle }
            let line = RetriedLine(letter: letter, replacement: wanted[letter.id] ?? nil)
            let outcome = line.append(options(letter.source.input), chunk.add(letter.source), to: chunk)
            let closed = chunk.close(ticket: 0, receipt: nil)
            outcomes[letter.id] =
                switch outcome {
                case .event: try Self.event(in: closed)
                case .rejection(let reason, let detail): .wouldBeRejected(reason, detail: detail)
                case .nothing(let why): .kept(why)
                }
        }
        return requests.map { LetterOutcome(id: $0.id, outcomes[$0.id] ?? .unknown) }
    }

    /// Ends dead letters for good. Durable when this returns.
    ///
    /// - Returns: an outcome for each id, in their order.
    public func discard(_ ids: [SequenceNumber]) throws -> [LetterOutcome] {
        try request.withLock { _ in
            try requireCaughtUp()
            var outcomes: [SequenceNumber: LetterOutcome.Result] = [:]
            try forEach(Set(ids)) { outcomes[$0.id] = obstacle(to: $0) ?? .discarded }
            let time = Timestamp(unixMicroseconds: clock.realtimeMicroseconds())
            try store.end(
                outcomes.filter { $0.value == .discarded }.keys.sorted().map {
                    LetterEnd(id: $0, fate: .discarded, time: time)
                })
            return ids.map { LetterOutcome(id: $0, outcomes[$0] ?? .unknown) }
        }
    }

    /// What a request has handed to the spool, and what it could not.
    package struct Batch {
        fileprivate enum Plan {
            case sent(rejection: (reason: RejectionReason, detail: String)?)
            case settled(LetterOutcome.Result)
        }
        fileprivate var requests: [RetryRequest]
        fileprivate var plans: [SequenceNumber: Plan] = [:]
    }

    /// Hands what can be sent again to the spool, and waits for nothing.
    package func begin(_ requests: [RetryRequest]) throws -> Batch {
        try requireCaughtUp()
        let wanted = Self.byID(requests)
        var batch = Batch(requests: requests)
        var bytes = 0
        let now = Timestamp(unixMicroseconds: clock.realtimeMicroseconds())
        let chunk = ChunkBuilder()
        var inChunk: [SequenceNumber] = []
        func send() {
            guard !chunk.isEmpty else { return chunk.forgetOriginators() }
            underWay.withLock { for id in inChunk { $0.ids[id] = true } }
            inChunk = []
            sink.append(chunk.close(ticket: 0, receipt: nil))
        }
        try forEach(Set(wanted.keys)) { letter in
            if let obstacle = obstacle(to: letter) { return batch.plans[letter.id] = .settled(obstacle) }
            if bytes >= Self.requestBytes { return batch.plans[letter.id] = .settled(.notTaken) }
            // The record and its note stand in one chunk.
            if chunk.recordBytes >= RecordLayout.fullChunk / 2 { send() }
            let replacement = wanted[letter.id] ?? nil
            let originator = chunk.add(letter.source)
            let line = RetriedLine(letter: letter, replacement: replacement)
            let outcome = line.append(options(letter.source.input), originator, to: chunk)
            if case .nothing(let why) = outcome { return batch.plans[letter.id] = .settled(.kept(why)) }
            chunk.appendRetryNote(of: letter.id, originator: originator, received: now)
            inChunk.append(letter.id)
            bytes += (replacement ?? letter.line).count
            if case .rejection(let reason, let detail) = outcome {
                batch.plans[letter.id] = .sent(rejection: (reason, detail))
            } else {
                batch.plans[letter.id] = .sent(rejection: nil)
            }
        }
        send()
        return batch
    }

    /// Whether everything that was sent is durable, and its end noted.
    package func isOver(_ batch: Batch) -> Bool {
        underWay.withLock { underWay in
            batch.plans.allSatisfy { id, plan in
                if case .sent = plan { underWay.ids[id] == nil } else { true }
            }
        }
    }

    package func finish(_ batch: Batch) -> [LetterOutcome] {
        underWay.withLock { underWay in
            let outcomes = batch.requests.map { request in
                let result: LetterOutcome.Result =
                    switch (batch.plans[request.id], underWay.successors[request.id]) {
                    case (nil, _): .unknown
                    case (.settled(let result), _): result
                    case (.sent, nil): .underWay
                    case (.sent(nil), let successor?): .retried(as: successor)
                    case (.sent(let rejection?), let successor?):
                        .rejectedAgain(as: successor, rejection.reason, detail: rejection.detail)
                    }
                return LetterOutcome(id: request.id, result)
            }
            for request in batch.requests {
                underWay.successors[request.id] = nil
                if underWay.ids[request.id] != nil { underWay.ids[request.id] = false }
            }
            return outcomes
        }
    }

    private func requireCaughtUp() throws {
        guard mover.hasCaughtUp else { throw DeadLetterActionsError.notCaughtUp }
    }

    /// Those of this spool; another one's numbers say nothing here.
    private func forEach(_ ids: Set<SequenceNumber>, _ body: (DeadLetter) throws -> Void) throws {
        guard !ids.isEmpty else { return }
        try DeadLetterList(in: stateDirectory(), of: spool).forEach(DeadLetterFilter(ids: ids)) { letter in
            try body(letter)
            return true
        }
    }

    /// Why nothing can be done with it; nil if it can.
    private func obstacle(to letter: DeadLetter) -> LetterOutcome.Result? {
        // In this order: what is no longer under way is over by then.
        if underWay.withLock({ $0.ids[letter.id] != nil }) { return .underWay }
        if store.isEnded(letter.id) { return .unknown }
        // A number that this spool has not given yet would end a record that is still to come.
        guard letter.id <= ledger.movedDeadLetters else {
            return .kept("it is still being moved from the spool; try again in a moment")
        }
        return nil
    }

    private func note(_ ends: [LetterEnd]) {
        let isAwaited = underWay.withLock { underWay in
            var isAwaited = false
            for end in ends where underWay.ids.removeValue(forKey: end.id) == true {
                isAwaited = true
                if case .retried(let successor) = end.fate { underWay.successors[end.id] = successor }
            }
            return isAwaited
        }
        if isAwaited { ended.signal() }
    }

    private static func byID(_ requests: [RetryRequest]) -> [SequenceNumber: [UInt8]?] {
        Dictionary(requests.map { ($0.id, $0.line) }, uniquingKeysWith: { first, _ in first })
    }

    private static func event(in chunk: RecordChunk) throws -> LetterOutcome.Result {
        var result = LetterOutcome.Result.unknown
        try ChunkReader(chunk.bytes, firstSequence: .zero).forEachRecord { record in
            guard let event = try EventTuple(record) else { return }
            result = .wouldBecome(event.kind, line: String(decoding: event.line, as: UTF8.self))
        }
        return result
    }
}

/// Why nothing can be done with dead letters just now.
public enum DeadLetterActionsError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What the last run has left in the spool is not moved yet: some of it may have been sent again already.
    case notCaughtUp

    public var description: String {
        "dead letters are still being moved from the spool; try again in a moment, and look at `opslogd status` if it lasts"
    }
}
