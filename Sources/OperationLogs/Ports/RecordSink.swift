/// Where inputs put their chunks: the spool's door.
public protocol RecordSink: AnyObject, Sendable {
    /// Queues a closed chunk and returns at once; nothing is durable yet. When the chunk's group is synced, its receipt
    /// is told. The input bounds what it has under way; that is the back-pressure.
    ///
    /// Chunks of one input become durable in the order in which they were appended.
    func append(_ chunk: RecordChunk)
    /// What an input has to ask before it reads; nil if nothing but its own window bounds it.
    func gate(for input: String) -> (any IntakeGate)?
}

extension RecordSink {
    public func gate(for input: String) -> (any IntakeGate)? { nil }
}
