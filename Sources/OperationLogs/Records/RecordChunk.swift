/// A closed chunk: finished records with their originators and the source positions that exactly they advance.
///
/// Immutable, and so free to move between threads. The format is in <doc:RecordFormat>.
public final class RecordChunk: @unchecked Sendable {
    /// The whole chunk; valid for as long as the object lives.
    public let bytes: UnsafeRawBufferPointer
    public let recordCount: Int
    /// Records by kind, at the kind's number; rejected lines at 0.
    public let countsByKind: [Int]
    /// The newest `updated_at` that opslogd filled in: the spool keeps it, so that the next one does not fall behind it
    /// after a restart (`WatermarkClock`). `Int64.min` microseconds if there is none.
    public let latestReceipt: Timestamp
    /// The number that the input gave it, and whom to tell when it is durable.
    public let ticket: UInt64
    public let receipt: (any DurabilityReceipt)?
    private let base: UnsafeMutableRawPointer
    private let capacity: Int

    init(
        taking base: UnsafeMutableRawPointer, capacity: Int, count: Int, recordCount: Int, countsByKind: [Int],
        latestReceipt: Timestamp, ticket: UInt64, receipt: (any DurabilityReceipt)?
    ) {
        bytes = UnsafeRawBufferPointer(start: base, count: count)
        self.base = base
        self.capacity = capacity
        self.recordCount = recordCount
        self.countsByKind = countsByKind
        self.latestReceipt = latestReceipt
        self.ticket = ticket
        self.receipt = receipt
    }

    deinit { ChunkMemory.shared.giveBack(base, capacity: capacity) }
}

/// Is told when chunks are durable. Called on the spool's thread: it must only take note and wake its own thread.
public protocol DurabilityReceipt: AnyObject, Sendable {
    /// Every chunk up to this ticket is on disk, synced. Tickets come in the order in which chunks were appended.
    func durable(upTo ticket: UInt64)
}
