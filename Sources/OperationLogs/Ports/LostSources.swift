/// Lines to read again: of a place of the spool that was lost.
public struct Rereading: Sendable, Hashable {
    /// The number of the lost range, and of the source in it, both from 1.
    public var range: Int
    public var source: Int
    public var bytes: SourceRange

    public init(range: Int, source: Int, bytes: SourceRange) {
        self.range = range
        self.source = source
        self.bytes = bytes
    }
}

/// Sources whose newest positions may have stood in a lost range from which lines were delivered: where the files stand
/// now is where reading goes on, and what is between is set aside.
public struct PositionDoubt: Sendable, Hashable {
    public var range: Int
    /// Of the positions.
    public var keys: Set<[UInt8]>
    /// Nanoseconds since 1970: a source that has no position, and was made before, may have had one in the range.
    public var bornBefore: Int64

    public init(range: Int, keys: Set<[UInt8]>, bornBefore: Int64) {
        self.range = range
        self.keys = keys
        self.bornBefore = bornBefore
    }
}

/// What an input that reads files has to heed after damage of the spool.
public struct DamageOrders: Sendable, Hashable {
    /// Why nothing may be read yet; nil if reading may begin.
    public var wait: String?
    public var doubts: [PositionDoubt]
    public var rereadings: [Rereading]

    public init(wait: String? = nil, doubts: [PositionDoubt] = [], rereadings: [Rereading] = []) {
        self.wait = wait
        self.doubts = doubts
        self.rereadings = rereadings
    }
}

/// Where inputs learn what was lost of their lines, and tell what became of it. Safe from any thread.
public protocol LostSources: AnyObject, Sendable {
    func orders(for input: String) -> DamageOrders
    /// Calls `wake` whenever the orders of an input may have changed.
    func onOrders(_ wake: @escaping @Sendable () -> Void)
    /// Takes note of bytes that are passed over for a doubt. Durable when this returns.
    func setAside(_ bytes: [SourceRange], range: Int) throws
    /// Bytes of the same source follow those that were passed over, and belong to their last line. Durable when this
    /// returns.
    func setAsideFurther(_ key: [UInt8], from: UInt64, upTo: UInt64) throws
    /// These positions are no longer in doubt: durably behind what was set aside.
    func areCertain(_ keys: [[UInt8]], range: Int) throws
    /// The input goes on behind all that a doubt concerns, durably.
    func passedOver(range: Int, input: String) throws
    /// The lines are durable in the spool again.
    func readAgain(_ rereading: Rereading) throws
}
