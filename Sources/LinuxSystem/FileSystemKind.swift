import CLinux
import Glibc

/// What a file system means for what is written to it. Related system calls: `statfs`.
public enum FileSystemKind: Sendable, Hashable {
    /// On a disk of this machine, as far as the kernel knows.
    case local
    /// Other machines may write to it, and who holds a lock is a matter of its server.
    case network(String)
    /// Layers, as a container has them. A volatile one never syncs.
    case overlay(isVolatile: Bool)
    /// In memory: empty after a reboot.
    case memory
    /// A program answers (FUSE, virtiofs): what a sync does is up to it.
    case userSpace

    /// Who else writes to such a file system, so that inotify(7) on this machine does not tell of it; nil if nobody does.
    public var unwatchedWriters: String? {
        switch self {
        case .network(let name): "other machines write to \(name)"
        case .userSpace: "the program that answers for it (FUSE) tells of no change that it makes itself"
        case .local, .overlay, .memory: nil
        }
    }

    /// The same of the file system that holds `path`; nil where that cannot be told.
    public static func unwatchedWriters(at path: String) -> String? {
        var magic: UInt32 = 0
        guard clinux_file_system_of(path, &magic) == 0 else { return nil }
        return of(magic: magic) { [] }.unwatchedWriters
    }

    /// Of the file system that holds `path`.
    public static func of(_ path: String) throws(SystemError) -> FileSystemKind {
        var magic: UInt32 = 0
        guard clinux_file_system_of(path, &magic) == 0 else { throw .last("statfs", path) }
        return of(magic: magic) { options(of: path) }
    }

    /// - Parameters:
    ///   - magic: as <linux/magic.h> has it.
    ///   - options: of the mount; asked for only where they matter.
    static func of(magic: UInt32, options: () -> [Substring]) -> FileSystemKind {
        if let name = networks[magic] { return .network(name) }
        return switch magic {
        // The second word is what newer kernels show.
        case 0x794c_7630: .overlay(isVolatile: options().contains { $0 == "volatile" || $0 == "fsync=volatile" })
        case 0x0102_1994, 0x8584_58f6: .memory
        case 0x6573_5546: .userSpace
        default: .local
        }
    }

    private static let networks: [UInt32: String] = [
        0x6969: "NFS", 0x517b: "SMB", 0xfe53_4d42: "SMB", 0xff53_4d42: "CIFS", 0x0102_1997: "9P", 0x00c3_6400: "Ceph",
        0x5346_414f: "AFS", 0x6b41_4653: "AFS", 0x7375_7245: "Coda", 0x564c: "NCP", 0x0bd0_0bd0: "Lustre",
        0x4750_4653: "GPFS", 0x0116_1970: "GFS2", 0x7461_636f: "OCFS2", 0x2003_0528: "OrangeFS",
        0x786f_4256: "a VirtualBox share",
    ]

    /// The options of the mount on which `path` stands, by its device; none where that cannot be told.
    private static func options(of path: String) -> [Substring] {
        guard let device = try? FileIdentity.at(path).device, let mounts = fopen("/proc/self/mountinfo", "re") else {
            return []
        }
        defer { fclose(mounts) }
        // As makedev(3) has put it together.
        let number = "\((device >> 8) & 0xfff):\((device & 0xff) | ((device >> 12) & 0xfff00))"
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(line) }
        while getline(&line, &capacity, mounts) > 0, let text = line.map({ String(cString: $0) }) {
            let words = text.split(whereSeparator: { $0 == " " || $0 == "\n" })
            guard words.count > 2, words[2] == number, let last = words.last else { continue }
            return last.split(separator: ",")
        }
        return []
    }
}
