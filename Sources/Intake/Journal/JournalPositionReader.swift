import OperationLogs

/// Tells the spool which positions are of journals.
///
/// Lines of a damaged place are not read again from a journal: nothing names their bytes. But where the newest position
/// may have stood in such a place, the input is told, so that no line comes twice.
public struct JournalPositionReader: SourcePositionReading {
    public let inputs: [String]

    /// - Parameter inputs: the names of all inputs that read journals.
    public init(inputs: [String]) {
        self.inputs = inputs
    }

    public func input(of key: [UInt8]) -> String? { JournalPositionKey.input(key) }
    public func range(of gap: PositionGap) -> SourceRange? { nil }
    public func rereading(of key: [UInt8]) -> (range: Int, source: Int)? { nil }
    public func range(of gap: PositionGap, rereading bytes: SourceRange) -> SourceRange? { nil }
}

/// Reads the positions of all kinds of input: each key is of one of them.
public struct InputPositionReaders: SourcePositionReading {
    private let readers: [any SourcePositionReading]

    public init(_ readers: [any SourcePositionReading]) {
        self.readers = readers
    }

    public var inputs: [String] { readers.flatMap(\.inputs) }

    public func input(of key: [UInt8]) -> String? { readers.lazy.compactMap { $0.input(of: key) }.first }
    public func range(of gap: PositionGap) -> SourceRange? { readers.lazy.compactMap { $0.range(of: gap) }.first }
    public func rereading(of key: [UInt8]) -> (range: Int, source: Int)? {
        readers.lazy.compactMap { $0.rereading(of: key) }.first
    }
    public func range(of gap: PositionGap, rereading bytes: SourceRange) -> SourceRange? {
        readers.lazy.compactMap { $0.range(of: gap, rereading: bytes) }.first
    }
}

/// How far a journal has been read, as a position in the spool says it: for people.
public struct JournalPositionSummary: Sendable, Hashable {
    /// The input's name.
    public let input: String
    /// Of the last entry seen, as journalctl(1) takes it behind `--after-cursor=`; nil if there was none.
    public let cursor: String?
    /// When that entry was written; microseconds since 1970.
    public let realtimeMicroseconds: UInt64?
    /// Lines that have begun and not ended.
    public let unfinishedLines: Int

    /// - Returns: nil if that is no journal's position, or one of a version that is not known.
    public init?(key: [UInt8], value: [UInt8]) {
        guard let input = JournalPositionKey.input(key), let position = JournalPosition(value) else { return nil }
        self.input = input
        cursor = position.seen?.cursor
        realtimeMicroseconds = position.seen?.moment.realtime
        unfinishedLines = position.unfinished.count
    }
}
