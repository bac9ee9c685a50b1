import LinuxSystem
import OperationLogs

/// An input's socket with who may use it, and what wakes the thread that serves it.
struct OpenedSocket: Sendable {
    let socket: InputSocket
    let permissions: PeerPermissions
    let wake: EventDescriptor

    /// - Parameters:
    ///   - inherited: a descriptor that the service manager handed over, which is taken over; nil: the socket is made.
    ///   - mode: of a socket that is made, as `group`.
    /// - Throws: `SocketOpenError`; a descriptor handed over is closed then.
    init(
        _ kind: UnixSocket.Kind, path: String, inherited: Int32?, mode: UInt32, group: String?, allow: [PeerRule]?
    ) throws {
        permissions = try PeerPermissions(allow, path: path)
        socket =
            if let inherited {
                try InputSocket.inheriting(inherited, path: path, kind)
            } else {
                try InputSocket.binding(path: path, kind, mode: mode, group: group)
            }
        wake = try EventDescriptor()
    }
}
