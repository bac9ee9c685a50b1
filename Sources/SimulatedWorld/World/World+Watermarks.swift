import Delivery
import OperationLogs

/// Questions for watermarks: whatever has happened, what is told is what all durable lines make of the row.
extension World {
    func checkAnswers() throws {
        // What damage has taken, or an operator has given up, is not known to those who answer.
        guard circumstances.hasQuestions, !circumstances.hasDamage, orderedGaps.isEmpty, let daemon else { return }
        var truth = SimulatedDatabase.State()
        for entry in entries.prefix(Int(daemon.durable.rawValue))
        where entry.kind == EventKind.pipelineWatermarks.rawValue { truth.apply(entry.payload) }
        for pipeline in Set(truth.watermarks.keys).union(database.state.watermarks.keys).union(["p0"]).sorted() {
            guard let answer = daemon.newestWatermark(of: pipeline, database.state) else { continue }
            try check(answer, truth.watermarks[pipeline], pipeline)
            note("\(pipeline) \(answer.json)")
        }
    }

    private func check(
        _ answer: WatermarkAnswer, _ truth: SimulatedDatabase.StoredWatermark?, _ pipeline: String
    ) throws {
        let told: SimulatedDatabase.StoredWatermark?
        switch answer {
        case .newest(let watermark, _):
            told = SimulatedDatabase.StoredWatermark(
                lastProcessed: watermark.lastProcessed?.microseconds,
                status: watermark.status.map { String(decoding: $0, as: UTF8.self) },
                updatedAt: watermark.updatedAt?.microseconds)
        case .none: told = nil
        case .unknown(.databaseBehind, _) where database.incarnation > 0: return
        case .unknown: throw BrokenPromise("nobody knows the watermark of \(pipeline): \(answer.json)")
        }
        guard told == truth else {
            throw BrokenPromise(
                "the watermark of \(pipeline) is told as \(answer.json), and is \(String(describing: truth))")
        }
    }
}
