import Instruments
import Intake
import LinuxSystem
import OperationLogs
import Spool

/// The daemon's side of the journal: the tailer of the real input, without a thread.
final class SimulatedJournalInput {
    private let tailer: JournalTailer<SimulatedJournalReader, SimulatedTime>
    private let recovered: [UInt8]?
    private var hasBegun = false

    /// - Parameter positions: all that the spool holds.
    init(
        of units: SimulatedUnits, sink: any RecordSink, positions: [SnapshotEntry], time: SimulatedTime,
        watermarkClock: WatermarkClock, diagnostics: Diagnostics, registry: Registry, losses: any LostSources
    ) throws {
        recovered = positions.first { JournalInput<SimulatedTime>.isPositionKey($0.key) }?.value
        tailer = JournalTailer(
            options: units.options, limits: units.limits, reader: SimulatedJournalReader(units.journal), sink: sink,
            wake: try EventDescriptor(), clock: time, watermarkClock: watermarkClock, diagnostics: diagnostics,
            registry: registry, board: JournalBoard(units.options), losses: losses)
    }

    /// The input's thread takes so many turns; between them it looks whether something has happened to the journal.
    func read(turns: Int) {
        if !hasBegun { hasBegun = tailer.begin(recovered) }
        guard hasBegun else { return }
        for _ in 0..<turns {
            if !tailer.turn(), tailer.waitsForJournal { tailer.rest() }
        }
    }

    func end() {
        if hasBegun { tailer.end() }
    }
}
