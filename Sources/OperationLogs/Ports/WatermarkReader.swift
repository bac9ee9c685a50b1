/// Answers the question for a pipeline's newest watermark. Safe from any thread.
public protocol WatermarkReader: AnyObject, Sendable {
    /// Calls `answer` once, from any thread, maybe before this returns. What was durable when this was called is
    /// included.
    ///
    /// - Parameter pipeline: UTF-8.
    func newestWatermark(of pipeline: [UInt8], answer: @escaping @Sendable (WatermarkAnswer) -> Void)
}

/// What a pipeline has reached, as its row says it or will say it.
public struct PipelineWatermark: Sendable, Hashable {
    /// UTF-8.
    public var pipeline: [UInt8]
    public var lastProcessed: Timestamp?
    /// UTF-8.
    public var status: [UInt8]?
    /// A row that somebody else has written may have none.
    public var updatedAt: Timestamp?

    public init(pipeline: [UInt8], lastProcessed: Timestamp?, status: [UInt8]?, updatedAt: Timestamp?) {
        self.pipeline = pipeline
        self.lastProcessed = lastProcessed
        self.status = status
        self.updatedAt = updatedAt
    }
}

/// The answer to the question for a pipeline's newest watermark.
public enum WatermarkAnswer: Sendable, Hashable {
    public enum Place: String, Sendable {
        /// A line that is not delivered yet. Columns that it does not carry are those of the row, where the database
        /// was asked.
        case spool
        case database
    }

    public enum Obstacle: String, Sendable {
        case databaseUnreachable = "database_unreachable"
        /// The database was set back, and what it had before is being delivered again.
        case databaseBehind = "database_behind"
        /// The spool holds undelivered watermarks beyond those that are kept in memory, maybe of this pipeline.
        case undeliveredUnknown = "undelivered_unknown"
    }

    case newest(PipelineWatermark, Place)
    /// Neither the spool nor the database, which was asked, has one.
    case none
    /// Which one is the newest cannot be said now; `spool` is the newest that is not delivered yet.
    case unknown(Obstacle, spool: PipelineWatermark?)

    /// One JSON object on one line: `{"watermark":…}`.
    public var json: String {
        var outer = JSONObjectWriter()
        switch self {
        case .newest(let watermark, let place): outer.add("watermark", raw: watermark.json(from: place))
        case .none: outer.add("watermark", raw: "null")
        case .unknown(let obstacle, let spool):
            var inner = JSONObjectWriter()
            inner.add("error", text: obstacle.rawValue)
            inner.add("spool", raw: spool.map { $0.json(from: .spool) } ?? "null")
            outer.add("watermark", raw: inner.text)
        }
        return outer.text
    }
}

extension PipelineWatermark {
    fileprivate func json(from place: WatermarkAnswer.Place) -> String {
        var object = JSONObjectWriter()
        object.add("pipeline_name", text: String(decoding: pipeline, as: UTF8.self))
        object.add("last_processed_ts", text: lastProcessed?.text)
        object.add("status", text: status.map { String(decoding: $0, as: UTF8.self) })
        object.add("updated_at", text: updatedAt?.text)
        object.add("from", text: place.rawValue)
        return object.text
    }
}

extension Timestamp {
    /// As PostgreSQL shows its two infinite times, else RFC 3339.
    fileprivate var text: String {
        switch microseconds {
        case .max: "infinity"
        case .min: "-infinity"
        default: rfc3339
        }
    }
}
