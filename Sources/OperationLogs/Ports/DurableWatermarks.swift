/// Keeps the watermarks that are durable in the spool and not yet in the database, so that a question for one reads no
/// backlog. The spool tells it of each chunk that holds some, and keeps what it knows in the snapshot at the head of
/// each segment.
///
/// Called on the spool's thread, and by whoever opens the spool.
public protocol DurableWatermarks: AnyObject, Sendable {
    /// What a snapshot holds; everything that was told before is void. What stands behind the snapshot follows.
    ///
    /// - Parameter first: the first record behind the snapshot.
    func recovered(_ entries: [(key: [UInt8], value: [UInt8])], before first: SequenceNumber)
    /// A chunk with watermarks is durable. Told before the chunk's receipt is.
    ///
    /// - Parameter settled: every record up to here has its fate; its watermark need not be kept.
    func durable(_ chunk: ChunkReader, settled: SequenceNumber)
    /// What is to stand in a snapshot; opaque to the spool.
    func entries(settled: SequenceNumber) -> [(key: [UInt8], value: [UInt8])]
}
