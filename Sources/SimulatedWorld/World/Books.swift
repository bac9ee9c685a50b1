import OperationLogs
import Spool
import Synchronization

/// What is broken, in words.
package struct BrokenPromise: Error, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}

/// Keeps account of every line: what was handed to the spool, what of it is durable, what was acknowledged, and where it
/// must be in the end.
///
/// It is filled from the chunks as the inputs hand them over, not from what the spool reads back.
final class Books: RecordSink {
    struct Entry {
        let line: SimulatedLine
        let kind: UInt8
        let payload: [UInt8]
    }

    private struct State {
        /// By sequence number less one. Those behind the durable end may be lost in a crash.
        var entries: [Entry] = []
        /// What the spool holds of files once all that was handed to it is durable, by key.
        var positions: [[UInt8]: [UInt8]] = [:]
        var broken: BrokenPromise?
    }

    private let state = Mutex(State())
    private let spool: any RecordSink
    private let gates: @Sendable (_ input: String) -> (any IntakeGate)?

    /// - Parameters:
    ///   - spool: to which the chunks go on.
    ///   - gates: what inputs have to ask before they read.
    ///   - recovered: the accounts up to the durable end.
    ///   - positions: those that were recovered.
    init(
        before spool: any RecordSink, gates: @escaping @Sendable (_ input: String) -> (any IntakeGate)?,
        entries: [Entry], positions: [SnapshotEntry]
    ) {
        self.spool = spool
        self.gates = gates
        state.withLock {
            $0.entries = entries
            for position in positions { $0.positions[position.key] = position.value }
        }
    }

    var entries: [Entry] { state.withLock { $0.entries } }
    var positions: [[UInt8]: [UInt8]] { state.withLock { $0.positions } }
    var broken: BrokenPromise? { state.withLock { $0.broken } }

    func gate(for input: String) -> (any IntakeGate)? { gates(input) }

    func append(_ chunk: RecordChunk) {
        state.withLock { state in
            do {
                try ChunkReader(chunk.bytes, firstSequence: SequenceNumber(1)).forEachRecord { record in
                    if let note = try RetryNote(record) {
                        let line = SimulatedLine(source: SimulatedLine.notes, number: Int(note.letter.rawValue))
                        return state.entries.append(Entry(line: line, kind: record.kind, payload: []))
                    }
                    guard let line = SimulatedLine(kind: record.kind, record.payload) else {
                        throw BrokenPromise(
                            "a record of no line came from an input: \(String(decoding: record.payload, as: UTF8.self))"
                        )
                    }
                    guard line.isInvalid == (record.kind == RecordLayout.rejectedLine),
                        line.isInvalid || record.kind == line.kind.rawValue
                    else { throw BrokenPromise("\(line.name) became a record of kind \(record.kind)") }
                    state.entries.append(Entry(line: line, kind: record.kind, payload: Array(record.payload)))
                }
                try ChunkReader(chunk.bytes, firstSequence: SequenceNumber(1)).forEachPosition { key, value in
                    state.positions[Array(key)] = value.isEmpty ? nil : Array(value)
                }
            } catch {
                state.broken = error as? BrokenPromise ?? BrokenPromise("\(error)")
            }
        }
        spool.append(chunk)
    }
}
