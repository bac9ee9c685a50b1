import Glibc
import LinuxSystem
import Synchronization

/// The listening socket of an input: made here, or handed over by the service manager.
///
/// One that was made here leaves the file system when it is closed; one that was handed over is left in place.
final class SocketListener: Sendable {
    let path: String
    let descriptor: Descriptor
    /// Of the file made here; nil for a socket that was handed over.
    private let made: FileIdentity?
    private let isRemoved = Atomic<Bool>(false)

    /// Connections that wait to be accepted; the kernel bounds it by `net.core.somaxconn`.
    private static let backlog: Int32 = 1024

    var isInherited: Bool { made == nil }

    private init(path: String, descriptor: Descriptor, made: FileIdentity?) {
        self.path = path
        self.descriptor = descriptor
        self.made = made
    }

    deinit { removeFile() }

    /// Takes over a socket on which the service manager listens.
    static func inheriting(_ handedOver: Int32, path: String) throws(SocketOpenError) -> SocketListener {
        let descriptor = Descriptor(owning: handedOver)
        guard UnixSocket.isListening(descriptor) else { throw SocketOpenError(path, .notListening) }
        do {
            try UnixSocket.setBlocking(false, handedOver, path)
        } catch {
            throw SocketOpenError(path, error)
        }
        _ = fcntl(handedOver, F_SETFD, FD_CLOEXEC)
        return SocketListener(path: path, descriptor: descriptor, made: nil)
    }

    /// Makes the socket and listens on it. A socket that a former process left behind gives way; nothing else does.
    static func binding(path: String, mode: UInt32, group: String?) throws(SocketOpenError) -> SocketListener {
        var groupID: gid_t?
        if let group { groupID = try identify(group: group, path) }
        try clearTheWay(path)
        do throws(SystemError) {
            let descriptor = try bound(to: path)
            let made = try FileIdentity.at(path, followingLinks: false)
            // From here on the file is removed with the listener, also if what follows fails.
            let listener = SocketListener(path: path, descriptor: descriptor, made: made)
            if let groupID, lchown(path, uid_t.max, groupID) != 0 { throw SystemError.last("chown", path) }
            guard chmod(path, mode & 0o777) == 0 else { throw SystemError.last("chmod", path) }
            guard listen(descriptor.rawValue, backlog) == 0 else { throw SystemError.last("listen", path) }
            return listener
        } catch {
            // Taken: by somebody who lives, or between the look and the bind.
            throw error.code == EADDRINUSE ? SocketOpenError(path, .occupied(pid: nil)) : SocketOpenError(path, error)
        }
    }

    private static func bound(to path: String) throws(SystemError) -> Descriptor {
        let descriptor = try UnixSocket.open()
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
    private static func clearTheWay(_ path: String) throws(SocketOpenError) {
        let found: FileIdentity
        do {
            found = try FileIdentity.at(path, followingLinks: false)
        } catch {
            if error.code == ENOENT { return }
            throw SocketOpenError(path, error)
        }
        guard found.isSocket else { throw SocketOpenError(path, .notASocket) }
        switch probe(path) {
        case .answered(let pid): throw SocketOpenError(path, .occupied(pid: pid))
        case .failed(let failure) where failure.code == ENOENT: return
        // A backlog that is full: somebody is behind it.
        case .failed(let failure) where failure.code == EAGAIN: throw SocketOpenError(path, .occupied(pid: nil))
        case .failed(let failure) where failure.code != ECONNREFUSED: throw SocketOpenError(path, failure)
        case .failed: break
        }
        guard found.owner == geteuid() else { throw SocketOpenError(path, .foreign(owner: found.owner)) }
        guard unlink(path) == 0 || errno == ENOENT else { throw SocketOpenError(path, .last("unlink", path)) }
    }

    private enum Probe {
        /// By the process that called `listen`.
        case answered(pid: UInt32?)
        case failed(SystemError)
    }

    private static func probe(_ path: String) -> Probe {
        do throws(SystemError) {
            let answered = try UnixSocket.connect(to: path, waiting: false)
            return .answered(pid: try? UnixSocket.peer(of: answered, path).pid)
        } catch {
            return .failed(error)
        }
    }

    private static func identify(group name: String, _ path: String) throws(SocketOpenError) -> gid_t {
        var entry = Glibc.group()
        var found: UnsafeMutablePointer<Glibc.group>?
        var space = [CChar](repeating: 0, count: 64 << 10)
        let failure = getgrnam_r(name, &entry, &space, space.count, &found)
        guard failure == 0, let found else { throw SocketOpenError(path, .unknownGroup(name)) }
        return found.pointee.gr_gid
    }
}
