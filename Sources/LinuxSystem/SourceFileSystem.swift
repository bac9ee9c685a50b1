/// The file system in which an input finds its files, which are somebody else's: a seam, so that a simulated one can stand
/// in. Used by generics only, so that it costs nothing in a release build.
public protocol SourceFileSystem {
    associatedtype File: SourceFile
    associatedtype Watches: SourceWatches

    /// Opens a file for reading, following symbolic links. Never blocks, whatever the name is of: look at its identity
    /// before reading.
    func open(_ path: String) throws(SystemError) -> File
    /// Who has a name now; of a symbolic link itself unless `followingLinks`.
    func identity(of path: String, followingLinks: Bool) throws(SystemError) -> FileIdentity
    /// The names in a directory, sorted, without `.` and `..`, and how many more there are that are not UTF-8.
    func names(in directory: String) throws(SystemError) -> (names: [String], unreadable: Int)
    /// Where a symbolic link points, as it is written; nil if the path is not one.
    func linkTarget(of path: String) -> String?
    /// Why files in a directory may change without its watch being told; nil if they do not.
    func unwatchedWriters(in directory: String) -> String?
    /// A new set of watches, with nothing in it.
    func makeWatches() throws(SystemError) -> Watches
    /// Names the time since the machine was started, in 16 bytes: device numbers mean the same within one boot only.
    func bootIdentity() -> [UInt8]
}

extension SourceFileSystem {
    /// Who has a name now, following symbolic links.
    public func identity(of path: String) throws(SystemError) -> FileIdentity {
        try identity(of: path, followingLinks: true)
    }
}

/// An open file of a ``SourceFileSystem``; closed when the last reference to it goes.
public protocol SourceFile: AnyObject {
    func identity() throws(SystemError) -> FileIdentity
    /// One read: what is there, at most the buffer's size; 0 at the end of the file.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(SystemError) -> Int
    /// Up to `count` bytes from `offset`; fewer only at the end of the file.
    func bytes(_ count: Int, at offset: UInt64) throws(SystemError) -> [UInt8]
    /// A name by which the open file itself can be watched, whatever it is called now.
    var descriptorPath: String { get }
    /// The name that the kernel knows it by now, with no symbolic link in it; nil if it has none any more.
    var kernelPath: String? { get }
}

/// Watches of directories and files, with one queue of what happened to them, as inotify(7) has them.
public protocol SourceWatches: AnyObject {
    /// Watches a path, following symbolic links; a second watch of one inode replaces the first and has its number.
    ///
    /// - Throws: ENOSPC at the limit of watches.
    func watch(_ path: String, _ events: Inotify.Events) throws(SystemError) -> Int32
    /// Ends a watch; one that is gone already is nothing.
    func end(_ watch: Int32)
    /// Some of the events that are queued, oldest first; empty if there are none. Never blocks.
    func read() throws(SystemError) -> [Inotify.Event]
    /// Waits until there are events, a wake-up is pending, or the time is over. The wake-up is taken.
    ///
    /// - Parameters:
    ///   - milliseconds: the longest wait; nil waits without end.
    ///   - forEvents: false where events have failed to be read, and are left in the queue for the time.
    func wait(or wake: EventDescriptor, milliseconds: Int?, forEvents: Bool)
}
