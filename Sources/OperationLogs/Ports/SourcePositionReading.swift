/// Bytes of a source whose lines stood in a place of the spool that was lost, or may have.
public struct SourceRange: Sendable, Hashable {
    /// The input's name.
    public var input: String
    /// The file, as its lines are recorded.
    public var path: String
    public var from: UInt64
    /// Behind the last byte; nil where it cannot be told: up to the end.
    public var upTo: UInt64?
    /// Whether these are just the lines that were lost: then none of them is known to the spool from elsewhere.
    public var isExact: Bool
    /// The key of the source's position.
    public var key: [UInt8]
    /// A position of the source, by which its content is known again. Opaque.
    public var identity: [UInt8]

    public init(
        input: String, path: String, from: UInt64, upTo: UInt64?, isExact: Bool, key: [UInt8], identity: [UInt8]
    ) {
        self.input = input
        self.path = path
        self.from = from
        self.upTo = upTo
        self.isExact = isExact
        self.key = key
        self.identity = identity
    }
}

/// What the spool knows of one source's position around a place that was lost. All values are opaque to it.
public struct PositionGap: Sendable {
    public var key: [UInt8]
    /// Before the place; nil if the source was not known then.
    public var before: [UInt8]?
    /// The first one behind the place; nil if the source was forgotten by then.
    public var after: [UInt8]?
    /// Of the chunk that holds `after`: each originator, and where its first line in it began. Empty if `after` stood
    /// in a snapshot.
    public var firstLines: [(originator: RecordOriginator, offset: UInt64)]
    /// Of the same chunk: all positions in it.
    public var positions: [[UInt8]]

    public init(
        key: [UInt8], before: [UInt8]?, after: [UInt8]?,
        firstLines: [(originator: RecordOriginator, offset: UInt64)] = [], positions: [[UInt8]] = []
    ) {
        self.key = key
        self.before = before
        self.after = after
        self.firstLines = firstLines
        self.positions = positions
    }
}

/// Reads what is opaque to the spool: the positions of inputs that read what can be read again.
public protocol SourcePositionReading: Sendable {
    /// The names of all such inputs.
    var inputs: [String] { get }
    /// The input that a position belongs to; nil if its source cannot be read again.
    func input(of key: [UInt8]) -> String?
    /// The bytes whose lines are lost; nil if there are none, or the source cannot be read again.
    func range(of gap: PositionGap) -> SourceRange?
    /// Which source of which range is read again where this key tells how far; nil of any other key.
    func rereading(of key: [UInt8]) -> (range: Int, source: Int)?
    /// The same as `range(of:)` of the lines of such a reading, which reads `bytes` again.
    func range(of gap: PositionGap, rereading bytes: SourceRange) -> SourceRange?
}
