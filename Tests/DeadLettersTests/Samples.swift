import DeadLetters
import Instruments
import LinuxSystem
import OperationLogs
import Synchronization

let spool = UniqueID(high: 0x1111_2222_3333_4444, low: 0x8555_6666_7777_8888)

func letter(
    _ id: UInt64, _ reason: RejectionReason = .missingField, line: [UInt8] = Array("{\"event\":\"cast_errors\"}".utf8),
    event: EventKind? = .castErrors, input: String = "legacy-loader", time: Int64 = 0
) -> DeadLetter {
    DeadLetter(
        id: SequenceNumber(id), time: Timestamp(microseconds: 800_000_000_000_000 + time), reason: reason,
        detail: "column_name is required", sqlstate: reason == .rejectedByDatabase ? "22003" : nil, event: event,
        source: RecordOriginator(kind: .file, input: input, path: "/var/log/loader/a.ndjson"), offset: id &* 10,
        line: line)
}

/// What was said to the people who run it.
final class Told: Sendable {
    private let lines = Mutex<[String]>([])
    var diagnostics: Diagnostics {
        Diagnostics { [self] severity, message in lines.withLock { $0.append("\(severity): \(message)") } }
    }
    var all: [String] { lines.withLock { $0 } }
}

func openStore<Disk: Storage>(
    _ storage: Disk, spool identity: UniqueID = spool, lowestPosition: UInt64 = 0, registry: Registry = Registry(),
    diagnostics: Diagnostics = .silent, rotationBytes: UInt64 = 16 << 20
) throws -> DeadLetterStore<Disk> {
    try DeadLetterStore(
        in: storage, spool: identity, lowestPosition: SequenceNumber(lowestPosition), registry: registry,
        diagnostics: diagnostics, rotationBytes: rotationBytes)
}

func listed<Disk: Storage>(
    _ storage: Disk, _ filter: DeadLetterFilter = DeadLetterFilter(), unmoved: DeadLetterList<Disk>.GroupWalk? = nil
) throws -> [DeadLetter] {
    var found: [DeadLetter] = []
    try DeadLetterList(in: storage).forEach(filter, unmoved: unmoved) {
        found.append($0)
        return true
    }
    return found
}

func listedIDs(_ storage: some Storage) throws -> [UInt64] { try listed(storage).map(\.id.rawValue) }
