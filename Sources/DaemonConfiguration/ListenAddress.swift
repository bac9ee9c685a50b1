/// Where a server listens, as the configuration writes it.
public enum ListenAddress: Sendable, Hashable {
    case off
    /// A host name or address, without the brackets of IPv6. Port 0: any free one.
    case tcp(host: String, port: Int)
    /// An absolute path.
    case unix(path: String)

    /// Reads `HOST:PORT`, `[IPV6]:PORT`, `unix:PATH` or `off`; nil if it is none of them.
    public init?(_ text: String) {
        if text == "off" {
            self = .off
        } else if text.hasPrefix("unix:") {
            let path = String(text.dropFirst("unix:".count))
            guard SocketPath.fits(path) else { return nil }
            self = .unix(path: path)
        } else {
            guard let colon = text.lastIndex(of: ":"), let port = Self.port(text[text.index(after: colon)...]) else {
                return nil
            }
            var host = text[..<colon]
            if host.hasPrefix("["), host.hasSuffix("]") {
                host = host.dropFirst().dropLast()
            } else if host.contains(":") {
                return nil
            }
            guard !host.isEmpty, !host.contains(where: { $0.isWhitespace || "[]/".contains($0) }) else { return nil }
            self = .tcp(host: String(host), port: port)
        }
    }

    private static func port(_ text: Substring) -> Int? {
        guard let port = Int(text), text.allSatisfy({ $0.isASCII && $0.isNumber }), port <= 65_535 else { return nil }
        return port
    }
}

/// What a path must be so that a Unix socket can stand there.
enum SocketPath {
    /// `sun_path` holds 108 bytes, the ending zero included (unix(7)).
    static let mostBytes = 107

    static func fits(_ path: String) -> Bool {
        path.hasPrefix("/") && path.utf8.count <= mostBytes && !path.hasSuffix("/") && !path.utf8.contains(0)
    }
}
