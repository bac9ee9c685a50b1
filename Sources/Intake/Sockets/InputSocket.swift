import Glibc
import LinuxSystem
import Synchronization

/// The socket of an input, on which it listens or receives: made here, or handed over by the service manager.
///
/// One that was made here leaves the file system when it is closed; one that was handed over is left in place.
final class InputSocket: Sendable {
    let path: String
    let kind: UnixSocket.Kind
    let descriptor: Descriptor
    /// Of the file made here; nil for a socket that was handed over.
    private let made: FileIdentity?
    private let isRemoved = Atomic<Bool>(false)

    /// Connections that wait to be accepted; the kernel bounds it by `net.core.somaxconn`.
    private static let backlog: Int32 = 1024

    var isInherited: Bool { made == nil }

    private init(path: String, kind: UnixSocket.Kind, descriptor: Descriptor, made: FileIdentity?) {
        self.path = path
        self.kind = kind
        self.descriptor = descriptor
        self.made = made
    }

    deinit { removeFile() }

    /// Takes over a socket that the service manager holds.
    static func inheriting(
        _ handedOver: Int32, path: String, _ kind: UnixSocket.Kind = .stream
    ) throws(SocketOpenError) -> InputSocket {
        let descriptor = Descriptor(owning: handedOver)
        guard UnixSocket.isServing(descriptor, kind) else { throw SocketOpenError(path, .unsuitable(for: kind)) }
        do {
            try UnixSocket.setBlocking(false, handedOver, path)
            if kind == .datagram { try DatagramBatch.passCredentials(descriptor, path) }
        } catch {
            throw SocketOpenError(path, error)
        }
        _ = fcntl(handedOver, F_SETFD, FD_CLOEXEC)
        return InputSocket(path: path, kind: kind, descriptor: descriptor, made: nil)
    }

    /// Makes the socket; on a stream socket it listens. One that a former process left behind gives way; nothing else
    /// does.
    static func binding(
        path: String, _ kind: UnixSocket.Kind = .stream, mode: UInt32, group: String?
    ) throws(SocketOpenError) -> InputSocket {
        var groupID: gid_t?
        if let group { groupID = try identify(group: group, path) }
        try clearTheWay(path, kind)
        do throws(SystemError) {
            let descriptor = try bound(to: path, kind)
            let made = try FileIdentity.at(path, followingLinks: false)
            // From here on the file is removed with the listener, also if what follows fails.
            let socket = InputSocket(path: path, kind: kind, descriptor: descriptor, made: made)
            if let groupID, lchown(path, uid_t.max, groupID) != 0 { throw SystemError.last("chown", path) }
            guard chmod(path, mode & 0o777) == 0 else { throw SystemError.last("chmod", path) }
            if kind == .stream, listen(descriptor.rawValue, backlog) != 0 { throw SystemError.last("listen", path) }
            return socket
        } catch {
            // Taken: by somebody who lives, or between the look and the bind.
            throw error.code == EADDRINUSE ? SocketOpenError(path, .occupied(pid: nil)) : SocketOpenError(path, error)
        }
    }

    private static func bound(to path: String, _ kind: UnixSocket.Kind) throws(SystemError) -> Descriptor {
        let descriptor = try UnixSocket.open(kind)
        // Before anybody can send to it: each datagram is to name its sender.
        if kind == .datagram { try DatagramBatch.passCredentials(descriptor, path) }
        try UnixSocket.bind(descriptor, to: path)
        return descriptor
    }

    /// Takes the path out of the file system, if it is still the socket made here: nobody new comes.
    func removeFile() {
        // Once only: the socket that a successor makes may get the same inode number.
        guard let made, !isRemoved.exchange(true, ordering: .relaxed),
            let found = try? FileIdentity.at(path, followingLinks: false), found.inode == made.inode,
            found.device == made.device, found.birthNanoseconds == made.birthNanoseconds
        else { return }
        unlink(path)
    }

    /// Removes a socket that is ours and that nobody answers; anything else at the path is an error.
    private static func clearTheWay(_ path: String, _ kind: UnixSocket.Kind) throws(SocketOpenError) {
        let found: FileIdentity
        do {
            found = try FileIdentity.at(path, followingLinks: false)
        } catch {
            if error.code == ENOENT { return }
            throw SocketOpenError(path, error)
        }
        guard found.isSocket else { throw SocketOpenError(path, .notASocket) }
        switch probe(path, kind) {
        case .answered(let pid): throw SocketOpenError(path, .occupied(pid: pid))
        case .failed(let failure) where failure.code == ENOENT: return
        // A backlog that is full, or a socket of the other kind: somebody is behind it.
        case .failed(let failure) where failure.code == EAGAIN || failure.code == EPROTOTYPE:
            throw SocketOpenError(path, .occupied(pid: nil))
        case .failed(let failure) where failure.code != ECONNREFUSED: throw SocketOpenError(path, failure)
        case .failed: break
        }
        guard found.owner == geteuid() else { throw SocketOpenError(path, .foreign(owner: found.owner)) }
        guard unlink(path) == 0 || errno == ENOENT else { throw SocketOpenError(path, .last("unlink", path)) }
    }

    private enum Probe {
        /// By the process that called `listen`; nobody has where datagrams are received.
        case answered(pid: UInt32?)
        case failed(SystemError)
    }

    private static func probe(_ path: String, _ kind: UnixSocket.Kind) -> Probe {
        do throws(SystemError) {
            let answered = try UnixSocket.connect(to: path, kind, waiting: false)
            return .answered(pid: kind == .stream ? try? UnixSocket.peer(of: answered, path).pid : nil)
        } catch {
            return .failed(error)
        }
    }

    private static func identify(group name: String, _ path: String) throws(SocketOpenError) -> gid_t {
        do {
            if let found = try Account.groupID(name) { return found }
        } catch {
            throw SocketOpenError(path, error)
        }
        throw SocketOpenError(path, .unknownGroup(name))
    }
}
