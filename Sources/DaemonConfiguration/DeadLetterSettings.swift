/// How many dead letters are kept, and for how long.
public struct DeadLetterSettings: Sendable, Hashable {
    /// What happens where `maxBytes` is used up.
    public enum WhenFull: String, Sendable, CaseIterable {
        /// An input that has used up its share takes no more lines, alone.
        case wait
        /// The oldest go, counted and logged.
        case dropOldest = "drop_oldest"
    }

    /// All files together; shared out evenly among the inputs.
    public var maxBytes = 1 << 30
    /// Those that were received longer ago go, counted and logged; nil: none for its age.
    public var maxAge: Duration?
    public var whenFull = WhenFull.wait
    /// Whether they are shown in the table `operation_logs.dead_letters` as well.
    public var table = false

    /// Less has no room for one overlong line of each of a few inputs.
    public static let leastBytes = 1 << 20

    public init() {}
}
