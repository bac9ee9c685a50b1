import LinuxSystem
import OperationLogs

/// What one of the worker's threads works with.
final class DeliveryConnection<Session: DatabaseSession & SendableMetatype>: @unchecked Sendable {
    // Unchecked: `session` and `source` are used by one thread, but for `interrupt()`, which the port allows from any.
    let number: Int
    let session: Session
    let source: any RecordSource
    let wakeUp: EventDescriptor

    init(_ number: Int, _ session: Session, _ source: any RecordSource) throws(SystemError) {
        self.number = number
        self.session = session
        self.source = source
        wakeUp = try EventDescriptor()
    }

    var isFirst: Bool { number == 0 }
}
