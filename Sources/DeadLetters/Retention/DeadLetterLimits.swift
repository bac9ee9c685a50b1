import OperationLogs

/// How much the store keeps, and for how long.
public struct DeadLetterLimits: Sendable, Hashable {
    public enum WhenFull: Sendable, Hashable {
        /// An input whose share of the space is used up takes no more lines, alone.
        case wait
        /// The oldest go, counted and logged.
        case dropOldest
    }

    /// Of all files.
    public var maxBytes: UInt64
    /// Those that were received longer ago go, counted and logged; nil: none for its age.
    public var maxAgeSeconds: Int64?
    public var whenFull: WhenFull
    /// The names of the inputs that share the space.
    public var inputs: [String]

    public init(
        maxBytes: UInt64, maxAgeSeconds: Int64? = nil, whenFull: WhenFull = .wait, inputs: [String] = []
    ) {
        self.maxBytes = maxBytes
        self.maxAgeSeconds = maxAgeSeconds
        self.whenFull = whenFull
        self.inputs = inputs
    }

    /// Of one file: space is freed a file at a time.
    var fileBytes: UInt64 { min(16 << 20, max(64 << 10, maxBytes / 16)) }

    /// Of one file's letters: they go together, when the newest is too old.
    var fileAgeSeconds: Int64? { maxAgeSeconds.map { max(60, $0 / 16) } }
}
