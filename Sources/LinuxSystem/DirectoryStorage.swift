import CLinux
import Glibc

/// A directory on the real file system, held open: everything happens relative to it (`openat`), and no symbolic link
/// within it is followed.
public struct DirectoryStorage: Storage {
    private let descriptor: Descriptor
    /// For messages only.
    public let path: String

    /// Opens the directory; makes it (0700) if it is not there. Its parent must exist.
    ///
    /// - Throws: `SystemError`; EPERM where the directory belongs to somebody else or others may write to it.
    public init(path: String) throws(SystemError) {
        try self.init(at: AT_FDCWD, name: path, path: path)
    }

    private init(at parent: Int32, name: String, path: String) throws(SystemError) {
        self.path = path
        if mkdirat(parent, name, 0o700) == 0 {
            if parent != AT_FDCWD { guard fsync(parent) == 0 else { throw .last("fsync", path) } }
        } else if errno != EEXIST {
            throw .last("mkdir", path)
        }
        let opened = clinux_open_at(parent, name, O_RDONLY | O_DIRECTORY | (parent == AT_FDCWD ? 0 : O_NOFOLLOW), 0)
        guard opened >= 0 else { throw .last("open", path) }
        descriptor = Descriptor(owning: opened)
        let identity = try FileIdentity.of(opened, path)
        guard identity.owner == geteuid(), identity.mode & 0o022 == 0 else {
            throw SystemError(
                call: "open (it must belong to this user, and nobody else may write to it)", subject: path, code: EPERM)
        }
    }

    public func directory(_ name: String) throws(SystemError) -> DirectoryStorage {
        try DirectoryStorage(at: descriptor.rawValue, name: name, path: subject(name))
    }

    public func open(_ name: String, _ opening: StorageOpening) throws(SystemError) -> RegularFile {
        let flags =
            switch opening {
            case .reading: O_RDONLY
            case .writing: O_RDWR
            case .creating: O_RDWR | O_CREAT | O_EXCL
            }
        let opened = clinux_open_at(descriptor.rawValue, name, flags | O_NOFOLLOW, 0o600)
        guard opened >= 0 else { throw .last("open", subject(name)) }
        return RegularFile(Descriptor(owning: opened), subject(name))
    }

    public func names() throws(SystemError) -> [String] {
        // A descriptor of its own: fdopendir takes it over, and the position within the directory with it.
        let opened = clinux_open_at(descriptor.rawValue, ".", O_RDONLY | O_DIRECTORY, 0)
        guard opened >= 0, let stream = fdopendir(opened) else { throw .last("opendir", path) }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = try DirectoryListing.next(of: stream, path) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    public func rename(_ old: String, to new: String) throws(SystemError) {
        guard renameat(descriptor.rawValue, old, descriptor.rawValue, new) == 0 else {
            throw .last("rename", subject(old))
        }
    }

    public func remove(_ name: String) throws(SystemError) {
        guard unlinkat(descriptor.rawValue, name, 0) == 0 else { throw .last("unlink", subject(name)) }
    }

    public func synchronizeDirectory() throws(SystemError) {
        guard fsync(descriptor.rawValue) == 0 else { throw .last("fsync", path) }
    }

    public func availableBytes() throws(SystemError) -> UInt64 {
        var status = statvfs()
        guard fstatvfs(descriptor.rawValue, &status) == 0 else { throw .last("fstatvfs", path) }
        return UInt64(status.f_bavail) * UInt64(status.f_frsize)
    }

    /// Holds the directory for this process: an exclusive flock(2) on the file `name`, which also names the holder.
    ///
    /// - Returns: the lock, held until it is let go; nil if another process has it.
    public func lock(_ name: String) throws(SystemError) -> Descriptor? {
        let opened = clinux_open_at(descriptor.rawValue, name, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600)
        guard opened >= 0 else { throw .last("open", subject(name)) }
        let held = Descriptor(owning: opened)
        if flock(opened, LOCK_EX | LOCK_NB) != 0 {
            if errno == EWOULDBLOCK { return nil }
            throw .last("flock", subject(name))
        }
        // In place, without cutting it first: a full disk has no other block. The name is for messages only.
        let holder = "\(getpid())\n" + String(repeating: " ", count: 15) + "\n"
        guard pwrite(opened, holder, holder.utf8.count, 0) >= 0 || errno == ENOSPC || errno == EDQUOT else {
            throw .last("write", subject(name))
        }
        return held
    }

    /// The process id that the holder of a lock wrote into it, for messages.
    public func lockHolder(_ name: String) -> String? {
        guard let file = try? open(name, .reading) else { return nil }
        var bytes = [UInt8](repeating: 0, count: 16)
        guard let count = try? bytes.withUnsafeMutableBytes({ try file.read(into: $0, at: 0) }), count > 1 else {
            return nil
        }
        return String(decoding: bytes.prefix(count).prefix { $0 != 10 }, as: UTF8.self)
    }

    private func subject(_ name: String) -> String { "\(path)/\(name)" }
}
