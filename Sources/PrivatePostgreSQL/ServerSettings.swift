/// Settings of a private server, on top of PostgreSQL's own defaults: names and values as in `postgresql.conf`.
public struct ServerSettings: Sendable, Hashable {
    public var values: [String: String]
    /// Of its messages, as `LANGUAGE` names it, where the system has them in it; nil: English.
    public var language: String?

    public init(_ values: [String: String] = [:]) {
        self.values = values
    }

    /// For trials: a small server that keeps what it was told.
    public static let modest = ServerSettings(["shared_buffers": "32MB", "max_connections": "40"])

    /// For measuring: room enough that checkpoints do not stand in the way; commits are synced.
    public static let benchmark = ServerSettings([
        "shared_buffers": "256MB", "max_wal_size": "4GB", "max_connections": "40", "fsync": "on",
        "synchronous_commit": "on",
    ])

    /// For tests: nothing is synced, so it survives `kill -9` of the server but not of the machine.
    public static let unsynced = ServerSettings([
        "shared_buffers": "32MB", "max_connections": "60", "fsync": "off",
    ])

    /// As lines of `postgresql.conf`.
    func lines(socketDirectory: String, port: Int) -> String {
        var all = values
        all["listen_addresses"] = ""
        all["unix_socket_directories"] = socketDirectory
        all["unix_socket_permissions"] = "0777"
        all["port"] = String(port)
        // What a server on a user's machine writes goes to one file beside the data, see PrivateServer.log.
        all["logging_collector"] = "off"
        return all.sorted { $0.key < $1.key }
            .map { "\($0.key) = '\($0.value.replacingQuotes())'\n" }.joined()
    }
}

extension String {
    fileprivate func replacingQuotes() -> String {
        split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''")
    }
}
