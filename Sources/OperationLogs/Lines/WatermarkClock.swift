import Synchronization

/// Fills in the `updated_at` of watermarks that come without one: the time of receipt, but never behind what it last
/// filled in, even if the system's clock steps back. One for the whole daemon; safe from any thread.
///
/// Across restarts the spool keeps the newest time that was filled in (``RecordChunk/latestReceipt``) and gives it back
/// as `notBefore`.
public final class WatermarkClock: Sendable {
    private let latest: Atomic<Int64>

    public init(notBefore: Timestamp) { latest = Atomic(notBefore.microseconds) }

    /// The later of `received` and what was last filled in; remembered.
    public func fillIn(_ received: Timestamp) -> Timestamp {
        Timestamp(microseconds: latest.max(received.microseconds, ordering: .relaxed).newValue)
    }
}
