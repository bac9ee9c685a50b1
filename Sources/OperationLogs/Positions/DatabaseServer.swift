/// Which server, and which of its histories, was delivered to.
public struct DatabaseServer: Sendable, Hashable {
    /// Given to a cluster when it is made (`pg_control_system()`); its standbys and base backups have the same.
    public var systemIdentifier: UInt64
    /// Goes up when a standby is promoted, and when a backup is restored up to a point in time.
    public var timeline: UInt32

    public init(systemIdentifier: UInt64, timeline: UInt32) {
        self.systemIdentifier = systemIdentifier
        self.timeline = timeline
    }
}
