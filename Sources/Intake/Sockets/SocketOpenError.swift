import Glibc
import LinuxSystem

/// Why a socket input cannot be opened.
public struct SocketOpenError: Error, Sendable, CustomStringConvertible {
    public enum Reason: Sendable, Hashable {
        /// A living process listens there: try again when it has ended. The pid where the kernel tells it.
        case occupied(pid: UInt32?)
        /// Something that is not a socket stands at the path; it is left as it is.
        case notASocket
        /// A socket that nobody answers, but of another user; it is left as it is.
        case foreign(owner: UInt32)
        /// The descriptor that was handed over is not a Unix socket of the input's kind; of a stream socket, one that
        /// listens.
        case unsuitable(for: UnixSocket.Kind)
        /// `group` or `allow` name a group that there is not.
        case unknownGroup(String)
        /// `allow` names a user that there is not.
        case unknownUser(String)
        /// This user may not make or change the socket.
        case permission(SystemError)
        case system(SystemError)
    }

    public let path: String
    public let reason: Reason

    init(_ path: String, _ reason: Reason) {
        self.path = path
        self.reason = reason
    }

    /// Sorts a failed system call.
    init(_ path: String, _ failure: SystemError) {
        let isForbidden = failure.code == EACCES || failure.code == EPERM
        self.init(path, isForbidden ? .permission(failure) : .system(failure))
    }

    public var description: String {
        switch reason {
        case .occupied(let pid):
            let process = pid.map { "process \($0)" } ?? "another process"
            return "\(path): \(process) listens on this socket; stop it, or choose another path"
        case .notASocket:
            return "\(path): this is not a socket, and is left as it is; remove it, or choose another path"
        case .foreign(let owner):
            return "\(path): a socket of user \(owner) that nobody answers; remove it, or choose another path"
        case .unsuitable(for: .stream):
            return
                "\(path): the descriptor handed over is not a listening Unix stream socket; use ListenStream= for an "
                + "input of type socket"
        case .unsuitable(for: .datagram):
            return
                "\(path): the descriptor handed over is not a Unix datagram socket; use ListenDatagram= for an input "
                + "of type datagram"
        case .unknownGroup(let name):
            return "\(path): there is no group \(name); create it, or name another one in the input's group or allow"
        case .unknownUser(let name):
            return "\(path): there is no user \(name); create it, or name another one in the input's allow"
        case .permission(let failure):
            return failure.description
        case .system(let failure) where failure.code == ENOENT:
            return "\(path): its directory does not exist; create it, or let RuntimeDirectory= of the unit do so"
        case .system(let failure) where failure.code == ENAMETOOLONG:
            return "\(path): a socket's path has at most \(UnixSocket.longestPathBytes) bytes; choose a shorter one"
        case .system(let failure):
            return failure.description
        }
    }
}
