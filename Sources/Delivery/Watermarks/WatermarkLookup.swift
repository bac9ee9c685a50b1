import Instruments
import LinuxSystem
import OperationLogs
import Synchronization

/// Answers which watermark of a pipeline is the newest, of those in the spool and the one in the database.
///
/// One thread with a connection of its own, so that neither delivery nor an input ever waits for a question. The
/// connection is opened for the first question and closed when none has come for a minute. All questions that wait are
/// asked in one statement. Where the database does not answer, what waits is answered without it, and it is left alone
/// for a second.
public final class WatermarkLookup<Session: WatermarkSession & SendableMetatype, Time: TimeSource>: WatermarkReader,
    @unchecked Sendable
{
    // Unchecked: `session`, `isConnected` and `closedUntil` belong to the thread in `run()`, but for `interrupt()`, which
    // the port allows from any; the rest is immutable, sendable or behind the mutex.
    private struct Question {
        let pipeline: [UInt8]
        let answer: @Sendable (WatermarkAnswer) -> Void
    }

    private struct Shared {
        var questions: [Question] = []
        var isStopping = false
    }

    /// Questions that wait for the database; those beyond it are answered without it.
    static var mostWaiting: Int { 10_000 }
    private static var pauseNanoseconds: UInt64 { 1_000_000_000 }

    private let session: Session
    private let undelivered: UndeliveredWatermarks
    private let ledger: any DeliveryLedger
    private let idleMilliseconds: Int
    private let time: Time
    private let diagnostics: Diagnostics
    private let wakeUp: EventDescriptor
    private let shared = Mutex(Shared())
    private var isConnected = false
    private var closedUntil: UInt64 = 0
    /// Whether the log says already that the database does not answer.
    private var isSaid = false

    /// - Parameter idleMilliseconds: when a connection that nobody has needed is closed.
    /// - Throws: `SystemError` where the process is out of descriptors.
    public init(
        session: Session, undelivered: UndeliveredWatermarks, ledger: any DeliveryLedger,
        idleMilliseconds: Int = 60_000, time: Time, diagnostics: Diagnostics
    ) throws(SystemError) {
        self.session = session
        self.undelivered = undelivered
        self.ledger = ledger
        self.idleMilliseconds = idleMilliseconds
        self.time = time
        self.diagnostics = diagnostics
        wakeUp = try EventDescriptor()
    }

    public func newestWatermark(of pipeline: [UInt8], answer: @escaping @Sendable (WatermarkAnswer) -> Void) {
        let question = Question(pipeline: pipeline, answer: answer)
        let isTaken = shared.withLock { state in
            guard !state.isStopping, state.questions.count < Self.mostWaiting else { return false }
            state.questions.append(question)
            return true
        }
        if isTaken { wakeUp.signal() } else { answerWithoutDatabase([question]) }
    }

    /// Answers questions until `stop()`. Blocks; to be run on a thread of its own.
    public func run() {
        defer { session.disconnect() }
        while true {
            let (questions, isStopping) = shared.withLock { state in
                defer { state.questions = [] }
                return (state.questions, state.isStopping)
            }
            if isStopping { return answerWithoutDatabase(questions) }
            if questions.isEmpty {
                if !wakeUp.wait(milliseconds: isConnected ? idleMilliseconds : nil) { disconnect() }
            } else {
                answer(questions)
            }
        }
    }

    /// Ends `run()`; what still waits is answered without the database. From any thread; returns at once.
    public func stop() {
        shared.withLock { $0.isStopping = true }
        session.interrupt()
        wakeUp.signal()
    }

    private func answer(_ questions: [Question]) {
        // The spool first: what is delivered in between stands in the database then.
        let pipelines = questions.map(\.pipeline)
        let views = undelivered.views(of: pipelines, settled: ledger.settled)
        // Before the name: a spool that gets another one in between has a floor that is higher.
        let lane = EventKind.pipelineWatermarks
        let floor = ledger.floor(of: lane)
        guard let stored = look(Array(Set(pipelines))) else { return answerWithoutDatabase(questions) }
        let rows = Dictionary(stored.rows.map { ($0.pipeline, $0) }) { first, _ in first }
        let delivered = max(floor, ledger.passed(lane, from: stored.position ?? .zero))
        for (question, view) in zip(questions, views) {
            question.answer(view.answer(question.pipeline, row: rows[question.pipeline], delivered: delivered))
        }
    }

    private func answerWithoutDatabase(_ questions: [Question]) {
        let views = undelivered.views(of: questions.map(\.pipeline), settled: ledger.settled)
        for (question, view) in zip(questions, views) {
            question.answer(view.answer(question.pipeline, without: .databaseUnreachable))
        }
    }

    /// nil if the database does not answer.
    private func look(_ pipelines: [[UInt8]]) -> StoredWatermarks? {
        if time.monotonicNanoseconds() < closedUntil { return nil }
        // A connection that was kept may have been cut since: that says nothing of the database.
        let mayBeStale = isConnected
        do {
            return try ask(pipelines)
        } catch {
            disconnect()
            if mayBeStale, case .connectionLost = error { return look(pipelines) }
            return failed(error)
        }
    }

    private func ask(_ pipelines: [[UInt8]]) throws(DatabaseFailure) -> StoredWatermarks {
        if !isConnected {
            _ = try session.connect()
            isConnected = true
        }
        let stored = try session.watermarks(spool: ledger.spool, of: pipelines)
        isSaid = false
        return stored
    }

    private func failed(_ error: DatabaseFailure) -> StoredWatermarks? {
        closedUntil = time.monotonicNanoseconds() + Self.pauseNanoseconds
        if !isSaid, error != .interrupted {
            diagnostics.warning("watermarks are answered without the database: \(error)")
        }
        isSaid = true
        return nil
    }

    private func disconnect() {
        session.disconnect()
        isConnected = false
    }
}

extension UndeliveredWatermarks.View {
    /// The database was asked.
    ///
    /// - Parameters:
    ///   - row: the pipeline's; nil if it has none.
    ///   - delivered: watermarks up to here are in the database, by its own word.
    package func answer(
        _ pipeline: [UInt8], row: PipelineWatermark?, delivered: SequenceNumber
    ) -> WatermarkAnswer {
        // What was let go because the database had it is there no more: it was set back.
        guard delivered >= droppedThrough else { return answer(pipeline, without: .databaseBehind) }
        guard !isIncomplete else { return answer(pipeline, without: .undeliveredUnknown) }
        if let chain, chain.last > delivered, let newest = chain.applied(to: row, of: pipeline) {
            return .newest(newest, .spool)
        }
        return row.map { .newest($0, .database) } ?? .none
    }

    func answer(_ pipeline: [UInt8], without obstacle: WatermarkAnswer.Obstacle) -> WatermarkAnswer {
        .unknown(obstacle, spool: isSettled ? nil : chain?.applied(to: nil, of: pipeline))
    }
}
