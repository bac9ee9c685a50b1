import Glibc
import LinuxSystem

/// On which machine and in which directory a spool lives: what tells a copy from the original.
public struct SpoolHost: Sendable, Hashable {
    /// The text of /etc/machine-id; empty where there is none.
    public var machine: String
    /// Of the state directory.
    public var directoryInode: UInt64
    /// Nanoseconds since 1970; 0 where the file system keeps no birth time.
    public var directoryBirthNanoseconds: Int64

    public init(machine: String, directoryInode: UInt64, directoryBirthNanoseconds: Int64) {
        self.machine = machine
        self.directoryInode = directoryInode
        self.directoryBirthNanoseconds = directoryBirthNanoseconds
    }

    /// Of this machine and the state directory at `path`. Related system calls: `statx`, `open`, `read`.
    public static func current(stateDirectory path: String) throws(SpoolError) -> SpoolHost {
        let directory = try spooling { () throws(SystemError) in try FileIdentity.at(path) }
        let machine = try spooling { () throws(SystemError) in try machineID() }
        return SpoolHost(
            machine: machine, directoryInode: directory.inode,
            directoryBirthNanoseconds: directory.birthNanoseconds)
    }

    /// One that cannot be read now is no other machine's: that is thrown.
    private static func machineID() throws(SystemError) -> String {
        let path = "/etc/machine-id"
        guard let opened = retryingInterrupts({ open(path, O_RDONLY | O_CLOEXEC) }) else {
            if errno == ENOENT { return "" }
            throw .last("open", path)
        }
        defer { close(opened) }
        var bytes = [UInt8](repeating: 0, count: 64)
        guard let count = retryingInterrupts({ read(opened, &bytes, bytes.count) }) else { throw .last("read", path) }
        return String(decoding: bytes.prefix(count).prefix { (0x21...0x7e).contains($0) }, as: UTF8.self)
    }

    /// In which way the other one is not this; nil if it is.
    func difference(from other: SpoolHost) -> String? {
        if machine != other.machine { return "machine id \(other.machine) became \(machine)" }
        if directoryInode != other.directoryInode {
            return "inode of the state directory \(other.directoryInode) became \(directoryInode)"
        }
        if directoryBirthNanoseconds != other.directoryBirthNanoseconds {
            return "birth time of the state directory \(other.directoryBirthNanoseconds) became "
                + "\(directoryBirthNanoseconds)"
        }
        return nil
    }
}
