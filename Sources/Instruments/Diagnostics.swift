/// What a stage tells the people who run it: one line each, with what to do next. The executable joins it to the log.
///
/// Never payloads, passwords or a server's DETAIL. Control characters in `message` are escaped where it is written.
public struct Diagnostics: Sendable {
    public enum Severity: Int, Sendable, Comparable, CaseIterable {
        case debug, info, notice, warning, error, critical

        public static func < (left: Severity, right: Severity) -> Bool { left.rawValue < right.rawValue }
    }

    private let sink: @Sendable (Severity, String) -> Void

    public init(_ sink: @escaping @Sendable (Severity, String) -> Void) {
        self.sink = sink
    }

    /// Tells nobody: for tests that do not look.
    public static let silent = Diagnostics { _, _ in }

    public func debug(_ message: String) { sink(.debug, message) }
    public func info(_ message: String) { sink(.info, message) }
    public func notice(_ message: String) { sink(.notice, message) }
    public func warning(_ message: String) { sink(.warning, message) }
    public func error(_ message: String) { sink(.error, message) }
    public func critical(_ message: String) { sink(.critical, message) }
}
