import CLinux
import Glibc

/// What the kernel says of a file: who it is, not what it is called. Related system calls: `statx`.
public struct FileIdentity: Sendable, Hashable {
    /// Compared within one boot only: it is not stable on btrfs, LVM, NFS and overlay file systems.
    public var device: UInt64
    public var inode: UInt64
    /// Nanoseconds since 1970, 0 where the file system keeps no birth time.
    public var birthNanoseconds: Int64
    public var size: UInt64
    public var mode: UInt32
    public var owner: UInt32
    public var links: UInt64
    /// When its content changed last, as it says itself: anybody who may write to it can set this.
    public var modifiedNanoseconds: Int64
    /// When anything of it changed last, its names included; only the kernel sets this.
    public var changedNanoseconds: Int64

    public init(
        device: UInt64, inode: UInt64, birthNanoseconds: Int64, size: UInt64, mode: UInt32, owner: UInt32,
        links: UInt64,
        modifiedNanoseconds: Int64, changedNanoseconds: Int64
    ) {
        self.device = device
        self.inode = inode
        self.birthNanoseconds = birthNanoseconds
        self.size = size
        self.mode = mode
        self.owner = owner
        self.links = links
        self.modifiedNanoseconds = modifiedNanoseconds
        self.changedNanoseconds = changedNanoseconds
    }

    init(_ raw: clinux_file_identity) {
        device = raw.device
        inode = raw.inode
        birthNanoseconds = raw.birth_seconds &* 1_000_000_000 &+ Int64(raw.birth_nanoseconds)
        size = raw.size
        mode = raw.mode
        owner = raw.uid
        links = raw.links
        modifiedNanoseconds = raw.modified_seconds &* 1_000_000_000 &+ Int64(raw.modified_nanoseconds)
        changedNanoseconds = raw.changed_seconds &* 1_000_000_000 &+ Int64(raw.changed_nanoseconds)
    }

    public var isRegularFile: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFREG) }
    public var isDirectory: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFDIR) }
    public var isSocket: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFSOCK) }

    /// Of an open descriptor.
    public static func of(_ descriptor: Int32, _ subject: String) throws(SystemError) -> FileIdentity {
        var raw = clinux_file_identity()
        guard clinux_identity_of(descriptor, &raw) == 0 else { throw .last("statx", subject) }
        return FileIdentity(raw)
    }

    /// Of a path; a symbolic link itself unless `followingLinks`.
    public static func at(_ path: String, followingLinks: Bool = true) throws(SystemError) -> FileIdentity {
        var raw = clinux_file_identity()
        guard clinux_identity_at(AT_FDCWD, path, followingLinks ? 1 : 0, &raw) == 0 else { throw .last("statx", path) }
        return FileIdentity(raw)
    }
}
