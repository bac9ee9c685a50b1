import Instruments
import LinuxSystem
import OperationLogs
import Synchronization

/// Takes note of how far an input's chunks are durable, and wakes the input's thread.
public final class ChunkReceipt: DurabilityReceipt {
    private let durable = Atomic<UInt64>(0)
    private let wake: EventDescriptor

    /// - Parameter wake: signalled at each note; the input's thread waits on it.
    public init(wake: EventDescriptor) {
        self.wake = wake
    }

    /// Every chunk up to this ticket is on disk, synced; 0 before the first.
    public var durableTicket: UInt64 { durable.load(ordering: .acquiring) }

    public func durable(upTo ticket: UInt64) {
        durable.max(ticket, ordering: .acquiringAndReleasing)
        wake.signal()
    }
}

/// An input's way into the spool: the chunk that is being filled, those that are under way, and the input's counters.
///
/// It bounds the bytes that are handed over and not yet durable: an input that finds it full stops reading, and that is
/// the back-pressure; so is a gate that is closed to the input. Owned by the input's thread; only `receipt` is touched by the spool's.
public final class ChunkWindow {
    /// What an input has under way before it stops reading.
    public static let defaultLimitBytes = 8 << 20

    /// The chunk that is being filled. Records and positions are added here; `submit()` sends it off.
    public let builder: ChunkBuilder
    public let receipt: ChunkReceipt
    /// The ticket that the chunk now being filled will have; tickets count from 1.
    public private(set) var openTicket: UInt64 = 1
    /// Of the last chunk that was handed over; 0 before the first.
    public var submittedTicket: UInt64 { openTicket - 1 }
    /// Handed over, and not known to be durable when `settle()` was last called.
    public private(set) var bytesUnderWay = 0

    private struct UnderWay {
        let ticket: UInt64
        let bytes: Int
    }

    private let sink: any RecordSink
    private let limitBytes: Int
    private var underWay: [UnderWay] = []
    private var settledTicket: UInt64 = 0
    private let counters: InputCounters
    private let gate: (any IntakeGate)?

    /// - Parameters:
    ///   - input: the input's name, the label of its counters.
    ///   - wake: signalled whenever chunks become durable.
    public init(
        input: String, sink: any RecordSink, wake: EventDescriptor, registry: Registry,
        limitBytes: Int = defaultLimitBytes
    ) {
        builder = ChunkBuilder()
        receipt = ChunkReceipt(wake: wake)
        self.sink = sink
        self.limitBytes = limitBytes
        counters = InputCounters(input: input, registry: registry)
        gate = sink.gate(for: input)
        gate?.onOpen { wake.signal() }
    }

    /// Whether the input must not read more now. The open chunk counts too.
    public var isFull: Bool { bytesUnderWay + builder.recordBytes >= limitBytes || gate?.isClosed ?? false }

    /// Chunks handed over and not known to be durable: where there are many, gathering more lines costs no time.
    public var chunksUnderWay: Int { underWay.count }

    /// Whether everything that was submitted is durable, as far as `settle()` has noted.
    public var isSettled: Bool { settledTicket == submittedTicket }

    /// Counts what a read brought: once a read, not a line.
    public func noteRead(bytes: Int, lines: Int) {
        counters.bytesRead.add(bytes)
        counters.linesRead.add(lines)
    }

    /// Closes the open chunk and hands it to the spool, if there is anything in it.
    ///
    /// - Returns: its ticket; nil where there was nothing to send.
    @discardableResult
    public func submit() -> UInt64? {
        guard !builder.isEmpty else { return nil }
        let ticket = openTicket
        let chunk = builder.close(ticket: ticket, receipt: receipt)
        openTicket += 1
        bytesUnderWay += chunk.bytes.count
        underWay.append(UnderWay(ticket: ticket, bytes: chunk.bytes.count))
        let rejected = counters.add(chunk)
        if rejected.lines > 0 { gate?.rejected(lines: rejected.lines, bytes: rejected.bytes) }
        sink.append(chunk)
        return ticket
    }

    /// Takes note of what has become durable since the last call.
    ///
    /// - Returns: every chunk up to this ticket is durable.
    @discardableResult
    public func settle() -> UInt64 {
        let durable = receipt.durableTicket
        guard durable > settledTicket else { return settledTicket }
        let done = underWay.prefix { $0.ticket <= durable }
        for chunk in done { bytesUnderWay -= chunk.bytes }
        underWay.removeFirst(done.count)
        settledTicket = durable
        return durable
    }
}

extension ChunkWindow {
    /// At the stop of an input that can read again: waits, not for ever, until what was handed over is durable, and says
    /// what is not.
    func waitUntilSettled(
        milliseconds: Int, wokenBy wake: EventDescriptor, clock: some TimeSource, input: String,
        diagnostics: Diagnostics
    ) {
        let end = clock.monotonicNanoseconds() + UInt64(max(0, milliseconds)) * 1_000_000
        while true {
            settle()
            let time = clock.monotonicNanoseconds()
            if isSettled || time >= end { break }
            wake.wait(milliseconds: Int((end - time) / 1_000_000) + 1)
        }
        if !isSettled {
            diagnostics.warning(
                "input \(input): the last \(bytesUnderWay) bytes handed to the spool were not yet durable when the input"
                    + " stopped; what is missing is read again at the next start")
        }
    }
}

/// The counters of one input, asked for once.
private struct InputCounters {
    let linesRead: Counter
    let bytesRead: Counter
    /// By the number of the kind; index 0 is not used.
    private let accepted: [Counter]
    /// By the number of the reason; index 0 is not used.
    private let rejected: [Counter]

    init(input: String, registry: Registry) {
        func counter(_ name: String, _ help: String, _ label: String? = nil, _ value: String = "") -> Counter {
            var labels: Registry.Labels = [("input", input)]
            if let label { labels.append((label, value)) }
            return registry.counter(name, help: help, labels: labels)
        }
        linesRead = counter("opslogd_lines_read_total", "Lines that an input has read, empty ones included.")
        bytesRead = counter("opslogd_bytes_read_total", "Bytes that an input has read.")
        let unused = Counter()
        var accepted = [Counter](repeating: unused, count: EventKind.allCases.count + 1)
        for kind in EventKind.allCases {
            accepted[Int(kind.rawValue)] = counter(
                "opslogd_events_accepted_total", "Lines that became events of a table.", "event", kind.name)
        }
        self.accepted = accepted
        let highest = RejectionReason.allCases.map { Int($0.rawValue) }.max() ?? 0
        var rejected = [Counter](repeating: unused, count: highest + 1)
        for reason in RejectionReason.allCases where reason != .rejectedByDatabase {
            rejected[Int(reason.rawValue)] = counter(
                "opslogd_lines_rejected_total", "Lines that became dead letters at the door.", "reason", reason.name)
        }
        self.rejected = rejected
    }

    /// - Returns: its rejected lines, and their bytes.
    func add(_ chunk: RecordChunk) -> (lines: Int, bytes: Int) {
        for kind in EventKind.allCases { accepted[Int(kind.rawValue)].add(chunk.countsByKind[Int(kind.rawValue)]) }
        guard chunk.countsByKind[0] > 0 else { return (0, 0) }
        var bytes = 0
        var counts = [Int](repeating: 0, count: rejected.count)
        // The chunk was written a moment ago by this thread: a record that cannot be read back is the spool's to report.
        try? ChunkReader(chunk.bytes, firstSequence: .zero).forEachRecord { record in
            guard record.kind == RecordLayout.rejectedLine, let reason = record.payload.first.map(Int.init),
                reason < counts.count
            else { return }
            counts[reason] += 1
            bytes += record.payload.count
        }
        for (reason, count) in counts.enumerated() { rejected[reason].add(count) }
        return (chunk.countsByKind[0], bytes)
    }
}
