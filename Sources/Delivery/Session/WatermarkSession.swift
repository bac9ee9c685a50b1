import OperationLogs

/// A connection of its own on which watermarks are looked up. Used by one thread; each call blocks until its answer is
/// there, the connection is lost, or its time is up.
public protocol WatermarkSession: AnyObject {
    /// Opens the connection anew.
    func connect() throws(DatabaseFailure) -> ServerIdentity
    /// Closes it, whatever its state.
    func disconnect()
    /// Wakes a blocked call, which then throws `.interrupted`; from any thread.
    func interrupt()
    /// The position of a spool's lane of watermarks, nil without a row; and then, at least as new, the rows of the
    /// pipelines that have one.
    func watermarks(spool: UniqueID, of pipelines: [[UInt8]]) throws(DatabaseFailure) -> StoredWatermarks
}

/// What the database says of some pipelines.
public struct StoredWatermarks: Sendable, Hashable {
    public var position: SequenceNumber?
    public var rows: [PipelineWatermark]

    public init(position: SequenceNumber?, rows: [PipelineWatermark]) {
        self.position = position
        self.rows = rows
    }
}
