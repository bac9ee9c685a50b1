import Bookkeeping
import DeadLetters
import Delivery
import Glibc
import Instruments
import Intake
import LinuxSystem
import OperationLogs
import Spool

/// The one JSON object that `/status` and `opslogd status --json` give. Its keys are documented in the README and stable.
struct StatusReport {
    let startedNanoseconds: UInt64
    let sockets: [SocketInputStatus]
    let datagrams: [DatagramInputStatus]
    let files: [FileInputStatus]
    let journals: [JournalInputStatus]
    let spool: SpoolStatus
    let losses: [LossSummary]
    let delivery: DeliveryStatus
    let deadLetters: DeadLettersStatus
    /// Of the table that shows them; nil where none does.
    let mirror: DeadLetterMirrorStatus?
    let books: BooksReport
    let lastError: DaemonLog.LastError?
    /// Whether an input waits for space among the dead letters.
    let isFull: @Sendable (_ input: String) -> Bool

    var json: String {
        var object = JSONObjectWriter()
        object.add("version", text: Opslogd.version)
        object.add("pid", raw: "\(getpid())")
        object.add(
            "uptime_seconds", raw: "\((SystemTime().monotonicNanoseconds() - startedNanoseconds) / 1_000_000_000)")
        object.add("inputs", raw: "[" + inputs.joined(separator: ",") + "]")
        object.add("spool", raw: spoolJSON)
        object.add("delivery", raw: deliveryJSON)
        object.add("dead_letters", raw: deadLettersJSON)
        object.add("books", raw: books.json)
        object.add("last_error", raw: lastError.map(json) ?? "null")
        return object.text
    }

    private var inputs: [String] {
        sockets.map { $0.json(obstacle($0.name)) } + datagrams.map { $0.json(obstacle($0.name)) }
            + files.map { $0.json(obstacle($0.name)) } + journals.map { $0.json(obstacle($0.name)) }
    }

    private func obstacle(_ input: String) -> String? {
        isFull(input)
            ? "its share of dead_letters.max_bytes is used up: retry or discard some of its dead letters" : nil
    }

    private var spoolJSON: String {
        var object = JSONObjectWriter()
        object.add("id", text: spool.spool.description)
        object.add("run", text: spool.run.description)
        object.add("bytes", raw: "\(spool.bytes)")
        object.add("max_bytes", raw: "\(spool.maxBytes)")
        object.add("segments", raw: "\(spool.segments)")
        object.add("first_sequence", raw: "\(spool.first.rawValue)")
        object.add("last_sequence", raw: "\(spool.durable.rawValue)")
        object.add("refillable_since", text: spool.refillableSince?.rfc3339)
        object.add("settled_sequence", raw: "\(spool.settled.rawValue)")
        object.add("queued_chunks", raw: "\(spool.queuedChunks)")
        object.add("undelivered_events", raw: "\(spool.undeliveredEvents)")
        object.add(
            "oldest_undelivered_seconds",
            raw: spool.undeliveredEvents > 0 ? "\(spool.oldestUndeliveredSeconds)" : "null")
        object.add("moved_dead_letters", raw: "\(spool.movedDeadLetters.rawValue)")
        object.add("groups", raw: "\(spool.groups)")
        object.add("syncs", raw: "\(spool.syncs)")
        object.add("lost_records", raw: "\(spool.lostRanges.reduce(0) { $0 + $1.recordCount })")
        object.add("lost_ranges", raw: "[" + lostRanges.prefix(100).joined(separator: ",") + "]")
        object.add("accepted_gaps", raw: "[" + acceptedGaps.joined(separator: ",") + "]")
        object.add("waiting", text: spool.failure ?? spool.shortage?.description)
        object.add("recovery", text: spool.recovery)
        return object.text
    }

    /// The last 100.
    private var acceptedGaps: [String] {
        spool.acceptedGaps.flatMap { accepted in
            accepted.gaps.map { gap in
                var entry = gap.jsonFront
                entry.add("time", text: accepted.time)
                return entry.text
            }
        }.suffix(100)
    }

    /// All that are known to be damaged or missing, and ends of which nobody knows what stood in them.
    private var lostRanges: [String] {
        func isSame(_ lost: LostRange, _ loss: LossSummary) -> Bool {
            lost.segment == loss.segment && lost.offset == loss.offset && lost.first == loss.first
                && lost.next == loss.next
        }
        let ends = losses.filter { $0.next == nil && $0.state != .closed }
        return ends.map { json($0) }
            + spool.lostRanges.map { lost in
                losses.first { isSame(lost, $0) }.map { json($0) } ?? json(lost)
            }
    }

    private func json(_ loss: LossSummary) -> String {
        var object = loss.jsonFront
        let sources = loss.sources.prefix(100).map(\.jsonObject.text)
        object.add("sources", raw: "[" + sources.joined(separator: ",") + "]")
        return object.text
    }

    /// Of one that is not accounted for: an earlier version noted it.
    private func json(_ lost: LostRange) -> String {
        var object = JSONObjectWriter()
        object.add("range", raw: "null")
        object.add("state", text: nil)
        object.add("time", text: nil)
        object.add("segment", text: lost.segment)
        object.add("offset", raw: "\(lost.offset)")
        object.add("first_sequence", raw: lost.recordCount > 0 ? "\(lost.first.rawValue)" : "null")
        object.add("last_sequence", raw: lost.recordCount > 0 ? "\(lost.known.rawValue - 1)" : "null")
        object.add("sources", raw: "[]")
        return object.text
    }

    private var deliveryJSON: String {
        var object = JSONObjectWriter()
        object.add("state", text: delivery.state)
        object.add("connected", raw: delivery.isConnected ? "true" : "false")
        object.add("compared", raw: delivery.isCompared ? "true" : "false")
        object.add("server_version", text: delivery.serverVersion)
        object.add("events_delivered", raw: "\(delivery.eventsDelivered)")
        object.add("next_try_milliseconds", raw: delivery.nextTryMilliseconds.map { "\($0)" } ?? "null")
        object.add("last_error", text: delivery.lastError)
        object.add("last_error_at", text: delivery.lastErrorAt?.rfc3339)
        object.add("batches", raw: "\(delivery.batches)")
        object.add("gap", raw: "[" + delivery.gap.map(\.jsonFront.text).joined(separator: ",") + "]")
        let lanes = delivery.lanes.map { lane in
            var entry = JSONObjectWriter()
            entry.add("table", text: lane.lane.name)
            entry.add("position", raw: "\(lane.position.rawValue)")
            entry.add("held", text: lane.heldBecause)
            return entry.text
        }
        object.add("lanes", raw: "[" + lanes.joined(separator: ",") + "]")
        return object.text
    }

    private var deadLettersJSON: String {
        var object = JSONObjectWriter()
        object.add("held", raw: "\(deadLetters.held)")
        object.add("bytes", raw: "\(deadLetters.bytes)")
        object.add("moved_up_to", raw: "\(deadLetters.movedUpTo.rawValue)")
        object.add("waiting", text: deadLetters.obstacle)
        object.add("table", raw: mirror.map(json) ?? "null")
        return object.text
    }

    private func json(_ mirror: DeadLetterMirrorStatus) -> String {
        var object = JSONObjectWriter()
        object.add("connected", raw: "\(mirror.isConnected)")
        object.add("waiting", text: mirror.obstacle)
        return object.text
    }

    private func json(_ error: DaemonLog.LastError) -> String {
        var object = JSONObjectWriter()
        object.add("time", text: error.time.rfc3339)
        object.add("severity", text: error.severity)
        object.add("message", text: error.message)
        return object.text
    }
}
