/// The numbers of the format that <doc:RecordFormat> describes.
public enum RecordLayout {
    /// Stands in each spool segment.
    public static let version: UInt16 = 1
    public static let chunkHeader = 32
    public static let recordHeader = 24
    public static let originatorHeader = 16
    public static let positionHeader = 8
    public static let rejectionHeader = 12
    /// The kind of a rejected line.
    public static let rejectedLine: UInt8 = 128
    /// The kind of a note that the record before it is a dead letter's, sent again.
    public static let retryNote: UInt8 = 129
    /// A chunk closes when its records reach this size.
    public static let fullChunk = 1 << 20
    /// What is kept of an overlong line.
    public static let keptOfOverlongLine = 64 << 10
    /// The flag of a record whose receipt column opslogd filled in.
    public static let receiptFilledIn: UInt8 = 1
}
