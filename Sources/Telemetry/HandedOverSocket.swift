import CLibsystemd
import Glibc

/// A socket that the service manager opened and handed over: sd_listen_fds_with_names(3).
///
/// It is matched to an input by its path, or else by its name (``HandedOverSockets``), and left in place at the stop,
/// since the service manager goes on listening.
public struct HandedOverSocket: Sendable, Hashable {
    /// `FileDescriptorName=` of the socket unit; the unit's name where it sets none.
    public let name: String
    /// Closed on exec. Whoever takes it closes it.
    public let descriptor: Int32
    /// What it is bound to; nil if it is no Unix socket with a path.
    public let path: String?
    /// Whether datagrams come on it, not connections.
    public let isDatagram: Bool

    /// All that were handed over, empty without a service manager. To be asked once: the environment is cleared, so that
    /// child processes take nothing for theirs.
    public static func takeAll() -> [HandedOverSocket] {
        var names: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
        let count = sd_listen_fds_with_names(1, &names)
        defer {
            for index in 0..<max(0, Int(count)) { free(names?[index]) }
            free(names)
        }
        guard count > 0 else { return [] }
        return (0..<Int(count)).map { index in
            let name = names?[index].map { String(cString: $0) } ?? ""
            return HandedOverSocket(name: name, descriptor: SD_LISTEN_FDS_START + Int32(index))
        }
    }

    init(name: String, descriptor: Int32) {
        self.name = name
        self.descriptor = descriptor
        path = UnixAddress.path(of: descriptor)
        var type: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        isDatagram =
            getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == Int32(SOCK_DGRAM.rawValue)
    }

    init(name: String, descriptor: Int32, path: String?, isDatagram: Bool) {
        self.name = name
        self.descriptor = descriptor
        self.path = path
        self.isDatagram = isDatagram
    }
}
