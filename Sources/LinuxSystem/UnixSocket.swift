import CLinux
import Glibc

/// Sockets of the Unix domain, as unix(7) has them.
public enum UnixSocket {
    /// What is sent on it.
    public enum Kind: Sendable, Hashable {
        /// Connections, each a stream of bytes.
        case stream
        /// Messages without connections.
        case datagram

        fileprivate var rawType: Int32 { Int32(self == .stream ? SOCK_STREAM.rawValue : SOCK_DGRAM.rawValue) }
    }

    /// The longest path, in bytes: `sun_path` with its final zero.
    public static let longestPathBytes = 107

    /// Who is at the other end, as the kernel names it.
    public struct Peer: Sendable, Hashable {
        public let pid: UInt32
        public let uid: UInt32
        /// The primary group only.
        public let gid: UInt32

        public init(pid: UInt32, uid: UInt32, gid: UInt32) {
            self.pid = pid
            self.uid = uid
            self.gid = gid
        }
    }

    /// A new socket, close-on-exec and non-blocking.
    public static func open(_ kind: Kind = .stream) throws(SystemError) -> Descriptor {
        let opened = socket(AF_UNIX, kind.rawType | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        guard opened >= 0 else { throw .last("socket", "Unix socket") }
        return Descriptor(owning: opened)
    }

    /// Connects to a path.
    ///
    /// - Parameter waiting: whether to wait for room in a full backlog; if not, that is `EAGAIN`.
    /// - Returns: the connection, non-blocking.
    /// - Throws: `ECONNREFUSED` where nobody listens, `ENOENT` where there is nothing, `EACCES` without the right to write
    ///   to the socket, `EPROTOTYPE` where it is of another kind and somebody has it open, `ENAMETOOLONG`.
    public static func connect(
        to path: String, _ kind: Kind = .stream, waiting: Bool
    ) throws(SystemError) -> Descriptor {
        let made = try open(kind)
        if waiting { try setBlocking(true, made.rawValue, path) }
        try withAddress(path) { address, length in
            retryingInterrupts { Glibc.connect(made.rawValue, address, length) } != nil
                ? nil : .last("connect", path)
        }
        if waiting { try setBlocking(false, made.rawValue, path) }
        return made
    }

    /// Gives a socket its path. Until `chmod`, only its owner may connect or send.
    public static func bind(_ descriptor: Descriptor, to path: String) throws(SystemError) {
        // The mode of the socket itself becomes the mode of the file, less the umask: no moment in which all may connect.
        guard fchmod(descriptor.rawValue, 0o600) == 0 else { throw .last("fchmod", path) }
        try withAddress(path) { address, length in
            Glibc.bind(descriptor.rawValue, address, length) == 0 ? nil : .last("bind", path)
        }
    }

    /// Takes the next connection from the backlog, close-on-exec and non-blocking; nil if there is none.
    public static func accept(from listener: Descriptor, _ subject: String) throws(SystemError) -> Descriptor? {
        while true {
            let accepted = clinux_accept(listener.rawValue)
            if accepted >= 0 { return Descriptor(owning: accepted) }
            switch errno {
            case EAGAIN: return nil
            // A client that gave up while it waited is none of the others' business.
            case EINTR, ECONNABORTED: continue
            default: throw .last("accept4", subject)
            }
        }
    }

    /// Who opened the connection; of a client's own end, who called `listen`. Related socket option: `SO_PEERCRED`.
    public static func peer(of connection: Descriptor, _ subject: String) throws(SystemError) -> Peer {
        var pid: UInt32 = 0
        var uid: UInt32 = 0
        var gid: UInt32 = 0
        guard clinux_peer_credentials(connection.rawValue, &pid, &uid, &gid) == 0 else {
            throw .last("getsockopt", subject)
        }
        return Peer(pid: pid, uid: uid, gid: gid)
    }

    /// The peer's supplementary groups when it opened the connection. Related socket option: `SO_PEERGROUPS`, since
    /// Linux 4.13; where the kernel has none of it, none are known.
    public static func supplementaryGroups(
        of connection: Descriptor, _ subject: String
    ) throws(SystemError) -> [UInt32] {
        // Most have a handful; NGROUPS_MAX is 65,536.
        for capacity in [64, 65_536] {
            var groups = [UInt32](repeating: 0, count: capacity)
            let count = clinux_peer_groups(connection.rawValue, &groups, Int32(capacity))
            if count >= 0 { return Array(groups.prefix(Int(count))) }
            if errno == ENOPROTOOPT { return [] }
            if errno != ERANGE { break }
        }
        throw .last("getsockopt", subject)
    }

    /// Whether the descriptor is a Unix socket of that kind which can be received from: of a stream socket, on which
    /// `listen` was called.
    public static func isServing(_ descriptor: Descriptor, _ kind: Kind) -> Bool {
        func option(_ name: Int32) -> Int32? {
            var value: Int32 = 0
            var length = socklen_t(MemoryLayout<Int32>.size)
            return getsockopt(descriptor.rawValue, SOL_SOCKET, name, &value, &length) == 0 ? value : nil
        }
        return option(SO_DOMAIN) == AF_UNIX && option(SO_TYPE) == kind.rawType
            && (kind == .datagram || option(SO_ACCEPTCONN) == 1)
    }

    /// Whether calls on the descriptor (on every duplicate of it) may wait.
    public static func setBlocking(_ blocks: Bool, _ descriptor: Int32, _ subject: String) throws(SystemError) {
        let flags = fcntl(descriptor, F_GETFL)
        guard flags >= 0, fcntl(descriptor, F_SETFL, blocks ? flags & ~O_NONBLOCK : flags | O_NONBLOCK) == 0 else {
            throw .last("fcntl", subject)
        }
    }

    private static func withAddress(
        _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> SystemError?
    ) throws(SystemError) {
        guard !path.isEmpty, path.utf8.count <= longestPathBytes, !path.utf8.contains(0) else {
            throw SystemError(call: "bind or connect", subject: path, code: ENAMETOOLONG)
        }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let failure = withUnsafePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        if let failure { throw failure }
    }
}
