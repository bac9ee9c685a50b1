import Delivery
import OperationLogs

/// What goes wrong between a session and its database, and for how long.
final class DatabaseWeather {
    private var pending: (fault: SimulatedDatabase.Fault, after: Int)?
    private var locked: Set<EventKind> = []
    private var isReadOnly = false

    /// The fault happens once, after so many further calls.
    func strike(_ fault: SimulatedDatabase.Fault, after count: Int) { pending = (fault, count) }

    func lock(_ kind: EventKind, _ isLocked: Bool) {
        if isLocked { locked.insert(kind) } else { locked.remove(kind) }
    }

    func setReadOnly(_ isOn: Bool) { isReadOnly = isOn }

    func clear() {
        pending = nil
        locked = []
        isReadOnly = false
    }

    func fault(_ step: SimulatedDatabase.Step) -> SimulatedDatabase.Fault? {
        if let next = pending {
            pending = next.after > 0 ? (next.fault, next.after - 1) : nil
            if next.after == 0 { return next.fault }
        }
        switch step {
        case .lock where isReadOnly, .insert where isReadOnly: return .error("25006")
        case .copy(let kind) where locked.contains(kind): return .error("55P03")
        case .upsert where locked.contains(.pipelineWatermarks): return .error("55P03")
        default: return nil
        }
    }
}
