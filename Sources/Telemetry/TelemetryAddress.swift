/// Where the server listens.
public enum TelemetryAddress: Sendable, Hashable, CustomStringConvertible {
    /// Port 0: any free one; the bound address says which.
    case tcp(host: String, port: Int)
    /// A Unix stream socket that is made with these permissions, and removed at the end.
    case unix(path: String, mode: UInt32)

    /// As the configuration writes it.
    public var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path, _): "unix:\(path)"
        }
    }
}

/// Why the server does not listen.
public struct TelemetryServerError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What to do about it, and with which exit status.
    public enum Kind: Sendable, Hashable {
        /// Another process listens there (EADDRINUSE), or something that is no socket stands at the path.
        case occupied
        /// EACCES, EPERM.
        case notPermitted
        /// Anything else: no such address, no such directory.
        case unavailable
    }

    public let kind: Kind
    public let address: TelemetryAddress
    let detail: String

    public var description: String { "\(address): \(detail); \(remedy)" }

    private var remedy: String {
        switch (kind, address) {
        case (.occupied, .tcp): "end it, or name another address in telemetry.listen"
        case (.occupied, .unix): "end it, or name another path"
        case (.notPermitted, .tcp): "this user may not listen there; name a port from 1024 on in telemetry.listen"
        case (.notPermitted, .unix): "give the user that runs opslogd access to its directory"
        case (.unavailable, .tcp): "name an address of this machine in telemetry.listen"
        case (.unavailable, .unix): "name a path of at most 107 bytes in a directory that exists"
        }
    }
}
