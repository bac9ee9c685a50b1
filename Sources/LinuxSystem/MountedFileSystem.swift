/// The files of this machine, by its system calls.
public struct MountedFileSystem: SourceFileSystem, Sendable {
    public init() {}

    public func open(_ path: String) throws(SystemError) -> InputFile { try InputFile(path: path) }

    public func identity(of path: String, followingLinks: Bool) throws(SystemError) -> FileIdentity {
        try FileIdentity.at(path, followingLinks: followingLinks)
    }

    public func names(in directory: String) throws(SystemError) -> (names: [String], unreadable: Int) {
        try DirectoryListing.names(of: directory)
    }

    public func linkTarget(of path: String) -> String? { DirectoryListing.linkTarget(of: path) }
    public func unwatchedWriters(in directory: String) -> String? {
        FileSystemKind.unwatchedWriters(at: directory)
    }
    public func makeWatches() throws(SystemError) -> Inotify { try Inotify() }
    public func bootIdentity() -> [UInt8] { BootIdentity.current() }
}
