/// A file within a `Storage`. The seam at which the spool meets the disk, and a simulated disk the spool.
///
/// One thread writes at a time; reads may run beside it.
public protocol StorageFile: AnyObject, Sendable {
    /// Reads until `buffer` is full or the file ends.
    /// - Returns: the bytes read; fewer than asked for only at the end of the file.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(SystemError) -> Int
    /// Writes all parts, one behind the other. Nothing is durable before `synchronize()`.
    func write(_ parts: [UnsafeRawBufferPointer], at offset: UInt64) throws(SystemError)
    /// Makes everything written so far durable (fdatasync). After a failure the bytes may be gone although a second
    /// call would succeed: it must never be tried again as if it were good.
    func synchronize() throws(SystemError)
    /// Reserves blocks up to `length` and extends the file to it; what is not written reads as zeros.
    func allocate(_ length: UInt64) throws(SystemError)
    /// Reserves blocks up to `length` for later writes, and leaves the file as long as it is. A wish: where the disk is
    /// full or the file system knows no such thing, nothing happens. `truncate(to:)` gives them back.
    func reserve(upTo length: UInt64)
    func truncate(to length: UInt64) throws(SystemError)
    func length() throws(SystemError) -> UInt64
}

extension StorageFile {
    public func reserve(upTo length: UInt64) {}
}

public enum StorageOpening: Sendable {
    /// An existing file, for reading only.
    case reading
    /// An existing file, for reading and writing.
    case writing
    /// A new file (0600) for reading and writing; an error if the name is taken.
    case creating
}

/// A held directory with its files. Names are plain: no slashes, no symbolic links followed.
public protocol Storage: Sendable {
    associatedtype File: StorageFile

    func open(_ name: String, _ opening: StorageOpening) throws(SystemError) -> File
    /// The names in the directory, sorted, without `.` and `..`.
    func names() throws(SystemError) -> [String]
    /// Replaces `new` if it exists. Durable after `synchronizeDirectory()`.
    func rename(_ old: String, to new: String) throws(SystemError)
    /// Durable after `synchronizeDirectory()`.
    func remove(_ name: String) throws(SystemError)
    func synchronizeDirectory() throws(SystemError)
    /// Bytes that an ordinary user can still write on this file system.
    func availableBytes() throws(SystemError) -> UInt64
    /// A directory within this one, made (0700, and durable) if it is not there.
    func directory(_ name: String) throws(SystemError) -> Self
}
