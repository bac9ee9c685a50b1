import Instruments
import LinuxSystem
import OperationLogs
import Synchronization

/// Shows the dead letters in the table `operation_logs.dead_letters`: one row each, by spool and id, for those who watch the
/// database. The store on disk is what counts; delivery never waits for the table.
///
/// After each new connection all that the store holds is compared with the table: what it lacks is added, be it new, restored
/// from a backup or behind by a time without a connection. So nothing needs to be remembered, and a row that is sent twice is
/// there once, by its key.
public final class DeadLetterMirror<Session: DeadLetterTableSession & SendableMetatype, Time: TimeSource>:
    @unchecked Sendable
{
    // Unchecked: all that is not behind the mutex belongs to the thread in `run()`, but for `interrupt()`, which the port
    // allows from any.
    package enum Pause: Hashable {
        case none
        case wait(milliseconds: Int)
        /// Until there is news, at most that long.
        case idle(milliseconds: Int)
    }

    private enum Phase {
        case unconnected
        /// Everything that is kept is compared with the table.
        case comparing
        /// What is new is sent.
        case following
    }

    private struct Shared {
        var isStopping = false
        var status = DeadLetterMirrorStatus()
    }

    private let session: Session
    private let feed: any DeadLetterFeed
    private let host: String
    private let diagnostics: Diagnostics
    private let shown: Counter
    private let wakeUp: EventDescriptor
    private let shared = Mutex(Shared())
    private let clock: Time

    private var phase = Phase.unconnected
    /// Read, and not in the table yet.
    private var news: [DeadLetterNews] = []
    /// How many of the next letters are sent at once: fewer after the database refused some.
    private var limit: Int
    private var retry: Backoff
    private var random: SplitMix64
    /// Monotonic nanoseconds.
    private var saidAt: UInt64?

    static var batchBytes: Int { 1 << 20 }
    static var batchLetters: Int { 1000 }
    static var openPage: Int { 10_000 }
    /// After that long without news it is asked whether the connection is still there: a database that was restored is filled
    /// again without waiting for the next dead letter.
    static var idleMilliseconds: Int { 60_000 }

    /// - Throws: `SystemError` where the process is out of descriptors.
    public init(
        session: Session, feed: any DeadLetterFeed, options: DeliveryOptions, time: Time, registry: Registry,
        diagnostics: Diagnostics, seed: UInt64? = nil
    ) throws(SystemError) {
        self.session = session
        self.feed = feed
        host = options.host
        clock = time
        self.diagnostics = diagnostics
        shown = registry.counter(
            "opslogd_dead_letters_shown_total", help: "Dead letters added to operation_logs.dead_letters.")
        retry = Backoff(
            initialMilliseconds: options.retryInitialMilliseconds, maxMilliseconds: options.retryMaxMilliseconds)
        random = SplitMix64(seed: seed ?? SystemRandomNumberGenerator.seed())
        limit = Self.batchLetters
        wakeUp = try EventDescriptor()
    }

    public var status: DeadLetterMirrorStatus { shared.withLock { $0.status } }

    /// Shows dead letters until `stop()`. Blocks; to be run on a thread of its own.
    public func run() {
        defer { session.disconnect() }
        feed.onNews { [wakeUp] in wakeUp.signal() }
        while !shared.withLock({ $0.isStopping }) {
            switch turn() {
            case .none: break
            case .idle(let milliseconds): wakeUp.wait(milliseconds: milliseconds)
            case .wait(let milliseconds): waitOut(milliseconds)
            }
        }
    }

    /// Ends `run()`; what is not in the table then is added after the next start. From any thread; returns at once.
    public func stop() {
        shared.withLock { $0.isStopping = true }
        session.interrupt()
        wakeUp.signal()
    }

    private func waitOut(_ milliseconds: Int) {
        let end = clock.monotonicNanoseconds() + UInt64(milliseconds) * 1_000_000
        while !shared.withLock({ $0.isStopping }) {
            let now = clock.monotonicNanoseconds()
            if now >= end { return }
            wakeUp.wait(milliseconds: Int((end - now + 999_999) / 1_000_000))
        }
    }

    // MARK: Steps

    /// One step, without a wait but for the database's answers.
    package func turn() -> Pause {
        do {
            return try step()
        } catch let failure as DatabaseFailure {
            return failed(failure)
        } catch {
            return pause("the dead letters cannot be read: \(error)")
        }
    }

    private func step() throws -> Pause {
        if case .unconnected = phase {
            _ = try session.connect()
            feed.rewind()
            news = []
            phase = .comparing
            note(isConnected: true)
            return .none
        }
        if news.isEmpty { news = try feed.next(bytes: Self.batchBytes) }
        if !news.isEmpty {
            try send()
            return .none
        }
        if case .comparing = phase {
            try noteMissing()
            phase = .following
            retry.reset()
            note(isConnected: true, obstacle: .some(nil))
            return .none
        }
        // Nothing to send: is the connection still there?
        _ = try session.shownLetters(spool: feed.spool, among: [])
        return .idle(milliseconds: Self.idleMilliseconds)
    }

    /// The first of what was read, and lets go of it.
    private func send() throws(DatabaseFailure) {
        let part = news.prefix(limit)
        var letters = part.compactMap { if case .letter(let letter) = $0 { letter } else { nil } }
        let endings = part.compactMap { if case .ended(let ending) = $0 { ending } else { nil } }
        if case .comparing = phase, !letters.isEmpty {
            let known = try session.shownLetters(spool: feed.spool, among: letters.map(\.id))
            letters.removeAll { known.contains($0.id) }
        }
        do throws(DatabaseFailure) {
            try session.show(letters.map { ShownLetter($0) }, endings: endings, spool: feed.spool, host: host)
        } catch {
            guard case .server(let refusal) = error, refusal.sqlstate.hasPrefix("22") else { throw error }
            // A line with characters that the database's encoding lacks, say: found by halves.
            if part.count > 1 {
                limit = part.count / 2
                return
            }
            try session.show(
                letters.map { ShownLetter($0, isReduced: true) }, endings: endings, spool: feed.spool, host: host)
        }
        shown.add(letters.count)
        news.removeFirst(part.count)
        limit = min(Self.batchLetters, limit * 2)
    }

    /// Rows whose dead letter the store holds no more, and of whose end it says nothing: their files went meanwhile.
    private func noteMissing() throws(DatabaseFailure) {
        var last = SequenceNumber.zero
        while true {
            let open = try session.openLetters(spool: feed.spool, after: last, limit: Self.openPage)
            guard let newest = open.last else { return }
            last = newest
            let gone = open.filter { !feed.holds($0) }.map { DeadLetterEnding(id: $0, fate: .dropped) }
            if !gone.isEmpty { try session.show([], endings: gone, spool: feed.spool, host: host) }
        }
    }

    // MARK: Failures

    private func failed(_ failure: DatabaseFailure) -> Pause {
        switch failure {
        case .interrupted: return pause(nil)
        case .connectionLost(let text), .timedOut(let text): return pause(text)
        case .server(let error): return pause(SQLSTATECase.of(error, lane: nil).sentence(error))
        }
    }

    private func pause(_ reason: String?) -> Pause {
        session.disconnect()
        phase = .unconnected
        note(isConnected: false, obstacle: reason.map { .some($0) })
        let now = clock.monotonicNanoseconds()
        if let reason, saidAt.map({ now >= $0 + 60_000_000_000 }) ?? true {
            saidAt = now
            diagnostics.warning(
                "operation_logs.dead_letters cannot be filled, and is tried again: \(reason); the dead letters are kept on this host"
            )
        }
        return .wait(milliseconds: retry.next(using: &random))
    }

    private func note(isConnected: Bool, obstacle: String?? = nil) {
        shared.withLock {
            $0.status.isConnected = isConnected
            if let obstacle { $0.status.obstacle = obstacle }
        }
    }
}

/// How it stands with the table of dead letters, for `status`.
public struct DeadLetterMirrorStatus: Sendable, Hashable {
    public var isConnected = false
    /// Why it lacks something; nil if it lacks nothing for long.
    public var obstacle: String?

    public init() {}
}
