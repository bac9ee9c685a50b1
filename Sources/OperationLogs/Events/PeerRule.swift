/// Who may send which events over a Unix socket: an entry of `allow`.
public struct PeerRule: Sendable, Hashable {
    /// By name, or an id that is nobody's name.
    public enum Subject: Sendable, Hashable {
        case user(String)
        case group(String)
    }

    public var subject: Subject
    public var events: EventKindSet

    public init(_ subject: Subject, events: EventKindSet = .all) {
        self.subject = subject
        self.events = events
    }
}
