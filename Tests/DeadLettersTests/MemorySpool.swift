import LinuxSystem
import OperationLogs
import Synchronization

/// A spool in memory: durable groups, and a ledger that notes what it is told.
final class MemorySpool: DeliveryLedger, RecordSink {
    struct State {
        /// What inputs have handed over, and is not durable.
        var pending: [RecordChunk] = []
        var groups: [(first: UInt64, count: Int, payload: [UInt8])] = []
        var next: UInt64 = 1
        var wakes: [@Sendable () -> Void] = []
        var moved = SequenceNumber.zero
        var notes = 0
        var lost: ClosedRange<UInt64>?
    }
    let state = Mutex(State())

    var spool: UniqueID { .zero }
    var run: UniqueID { .zero }
    var runs: [DaemonRun] { [DaemonRun(id: .zero, firstSequence: SequenceNumber(1))] }
    var isDisputed: Bool { false }
    func floor(of lane: EventKind) -> SequenceNumber { .zero }
    let acceptedGaps: [LaneGap] = []
    func accept(_ gaps: [LaneGap]) {}
    func rewind(_ lanes: [LanePosition], settled: SequenceNumber) {}
    func fork(counted: [EventKind: SequenceNumber]) {}
    func dispute(_ isDisputed: Bool) {}
    var server: DatabaseServer? { nil }
    func note(_ server: DatabaseServer) {}
    var lanes: [LanePosition] { [] }
    var settled: SequenceNumber { .zero }
    func committed(_ lanes: [LanePosition], settled: SequenceNumber) {}
    var movedDeadLetters: SequenceNumber { state.withLock { $0.moved } }
    func movedDeadLetters(upTo sequence: SequenceNumber) {
        state.withLock {
            $0.moved = sequence
            $0.notes += 1
        }
    }

    /// What a crash before the cursor was durable leaves.
    func forgetMoved(to sequence: UInt64) { state.withLock { $0.moved = SequenceNumber(sequence) } }

    func append(_ chunk: RecordChunk) { state.withLock { $0.pending.append(chunk) } }

    /// What was handed over becomes durable, or is lost with a crash.
    func settlePending(isDurable: Bool = true) {
        let chunks = state.withLock { state in
            defer { state.pending = [] }
            return state.pending
        }
        guard isDurable else { return }
        for chunk in chunks { add(chunk.recordCount, Array(chunk.bytes)) }
    }

    /// Makes a group of rejected lines durable, one chunk for each array.
    func append(rejections chunks: [[[UInt8]]]) {
        var payload: [UInt8] = []
        var count = 0
        for lines in chunks {
            let builder = ChunkBuilder()
            _ = builder.add(RecordOriginator(kind: .socket, input: "unused", uid: 1, pid: 2))
            let source = builder.add(RecordOriginator(kind: .file, input: "loader", path: "/var/log/a.ndjson"))
            for (place, line) in lines.enumerated() {
                line.withUnsafeBytes {
                    builder.appendRejection(
                        .missingField, event: .castErrors, detail: "column_name is required", line: $0,
                        isTruncated: place == 1, originator: source, received: Timestamp(microseconds: 42),
                        offset: UInt64(place) * 100)
                }
            }
            let chunk = builder.close(ticket: 0, receipt: nil)
            withExtendedLifetime(chunk) { payload += chunk.bytes }
            count += lines.count
        }
        add(count, payload)
    }

    /// Makes a group durable in which no line was rejected: the records themselves are never looked at.
    func append(events count: Int) {
        var chunk = [UInt8](repeating: 0xee, count: RecordLayout.chunkHeader + count * RecordLayout.recordHeader)
        let length = chunk.count
        chunk.withUnsafeMutableBytes {
            guard let base = $0.baseAddress else { return }
            base.storeLittleEndian(UInt32(length), 0)
            base.storeLittleEndian(UInt32(count), 4)
            base.storeLittleEndian(UInt32(length - RecordLayout.chunkHeader), 8)
            base.storeLittleEndian(UInt64(0), 12)
            base.storeLittleEndian(UInt32(0), 20)
            base.storeLittleEndian(UInt32(0b10), 24)
        }
        add(count, chunk)
    }

    /// The next numbers are durable, and damaged.
    func lose(_ count: UInt64) {
        state.withLock {
            $0.lost = $0.next...$0.next + count - 1
            $0.next += count
        }
    }

    private func add(_ count: Int, _ payload: [UInt8]) {
        let wakes = state.withLock {
            $0.groups.append(($0.next, count, payload))
            $0.next += UInt64(count)
            return $0.wakes
        }
        for wake in wakes { wake() }
    }

    func source() -> MemorySource { MemorySource(self) }
}

final class MemorySource: RecordSource {
    private let spool: MemorySpool
    private var position: UInt64 = 1
    private let held = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
    private(set) var sought: [UInt64] = []

    init(_ spool: MemorySpool) { self.spool = spool }
    deinit { held.deallocate() }

    var durable: SequenceNumber { spool.state.withLock { SequenceNumber($0.next - 1) } }
    func seek(to sequence: SequenceNumber) {
        position = sequence.rawValue
        sought.append(position)
    }
    func next() throws -> RecordGroup? {
        let position = position
        guard let group = spool.state.withLock({ $0.groups.first { $0.first + UInt64($0.count) > position } }) else {
            return nil
        }
        self.position = group.first + UInt64(group.count)
        held.copyBytes(from: group.payload)
        return RecordGroup(
            firstSequence: SequenceNumber(group.first), recordCount: group.count,
            origin: RecordOrigin(run: .zero, chain: 0),
            payload: UnsafeRawBufferPointer(held).part(0, group.payload.count))
    }
    func walk(from sequence: SequenceNumber, _ body: (RecordGroup) throws -> Bool) throws {
        seek(to: sequence)
        while let group = try next(), try body(group) {}
    }
    func origin(of sequence: SequenceNumber) -> RecordOrigin? { nil }
    func lastLost(from sequence: SequenceNumber) -> SequenceNumber? {
        spool.state.withLock { state in
            state.lost.flatMap { $0.contains(sequence.rawValue) ? SequenceNumber($0.upperBound) : nil }
        }
    }
    func onDurable(_ wake: @escaping @Sendable () -> Void) { spool.state.withLock { $0.wakes.append(wake) } }
}
