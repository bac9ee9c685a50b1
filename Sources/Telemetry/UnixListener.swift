import Glibc

/// A Unix stream socket bound to a path with its permissions set, not yet listening.
///
/// A socket that nobody answers any more is removed and made anew; anything else at the path is left alone.
/// Related system calls: `socket`, `connect`, `bind`, `chmod`, `lstat`, `unlink`.
struct UnixListener {
    /// To be taken over by the caller.
    let descriptor: Int32
    let path: String
    private let inode: ino_t

    /// Makes the socket. Between `bind` and `chmod` nobody can connect, since nobody listens yet.
    init(path: String, mode: UInt32) throws(TelemetryServerError) {
        func failure(_ call: String, _ code: Int32) -> TelemetryServerError {
            let kind: TelemetryServerError.Kind =
                switch code {
                case EADDRINUSE: .occupied
                case EACCES, EPERM: .notPermitted
                default: .unavailable
                }
            let detail = "\(call): \(String(cString: strerror(code)))"
            return TelemetryServerError(kind: kind, address: .unix(path: path, mode: mode), detail: detail)
        }
        guard var address = UnixAddress(path) else { throw failure("bind", ENAMETOOLONG) }
        try Self.removeStale(path, address, mode)
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw failure("socket", errno) }
        var status = stat()
        guard address.withPointer({ bind(descriptor, $0, $1) }) == 0 else {
            let code = errno
            close(descriptor)
            throw failure("bind", code)
        }
        guard chmod(path, mode) == 0, lstat(path, &status) == 0 else {
            let code = errno
            unlink(path)
            close(descriptor)
            throw failure("chmod", code)
        }
        self.descriptor = descriptor
        self.path = path
        inode = status.st_ino
    }

    /// Removes the path if it is still the one that was made here.
    func removePath() {
        var status = stat()
        if lstat(path, &status) == 0, status.st_ino == inode { unlink(path) }
    }

    private static func removeStale(
        _ path: String, _ address: UnixAddress, _ mode: UInt32
    ) throws(TelemetryServerError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        func occupied(_ detail: String) -> TelemetryServerError {
            TelemetryServerError(kind: .occupied, address: .unix(path: path, mode: mode), detail: detail)
        }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw occupied("something that is no socket stands there") }
        guard status.st_uid == geteuid() else { throw occupied("a socket of another user stands there") }
        let probe = socket(
            AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        guard probe >= 0 else { return }
        defer { close(probe) }
        var address = address
        // EAGAIN: somebody listens, and the backlog is full.
        if address.withPointer({ connect(probe, $0, $1) }) == 0 || errno == EAGAIN {
            throw occupied("another process answers there")
        }
        if errno == ECONNREFUSED { unlink(path) }
    }
}

/// A `sockaddr_un`, unix(7).
struct UnixAddress {
    private var address = sockaddr_un()
    private let length: socklen_t

    /// Nil if the path is empty, holds a zero, or is longer than the 107 bytes that fit.
    init?(_ path: String) {
        let bytes = Array(path.utf8)
        let start = MemoryLayout.offset(of: \sockaddr_un.sun_path) ?? 2
        let room = MemoryLayout<sockaddr_un>.size - start
        guard !bytes.isEmpty, bytes.count < room, !bytes.contains(0) else { return nil }
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address) { whole in
            UnsafeMutableRawBufferPointer(rebasing: whole[start...]).copyBytes(from: bytes)
        }
        length = socklen_t(start + bytes.count + 1)
    }

    mutating func withPointer(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
        }
    }

    /// The path that a descriptor is bound to; nil if it is no Unix socket, or has no path (getsockname(2)).
    static func path(of descriptor: Int32) -> String? {
        var address = sockaddr_un()
        var length = socklen_t(MemoryLayout<sockaddr_un>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        let start = MemoryLayout.offset(of: \sockaddr_un.sun_path) ?? 2
        guard result == 0, address.sun_family == sa_family_t(AF_UNIX), Int(length) > start else { return nil }
        let bytes = withUnsafeBytes(of: &address) { Array($0[start..<min(Int(length), $0.count)]) }
        let path = bytes.prefix { $0 != 0 }
        return path.isEmpty ? nil : String(validating: path, as: UTF8.self)
    }
}
