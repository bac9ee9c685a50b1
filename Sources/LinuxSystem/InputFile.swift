import CLinux
import Glibc

/// A file of somebody else's, open for reading only. Related system calls: `openat`, `statx`, `pread`.
public final class InputFile: SourceFile, Sendable {
    private let descriptor: Descriptor
    /// The name that it was opened by.
    public let path: String

    /// Opens a file, following symbolic links. Never blocks, also where the name is a FIFO's or a device's: look at
    /// `identity()` before reading.
    public init(path: String) throws(SystemError) {
        let opened = clinux_open_at(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0)
        guard opened >= 0 else { throw .last("open", path) }
        descriptor = Descriptor(owning: opened)
        self.path = path
    }

    public func identity() throws(SystemError) -> FileIdentity {
        try FileIdentity.of(descriptor.rawValue, path)
    }

    /// A name by which the open file itself can be watched, whatever it is called now.
    public var descriptorPath: String { "/proc/self/fd/\(descriptor.rawValue)" }

    public var kernelPath: String? {
        guard let path = DirectoryListing.linkTarget(of: descriptorPath), path.hasPrefix("/"),
            !path.hasSuffix(" (deleted)")
        else { return nil }
        return path
    }

    /// One pread(2): what is there, at most the buffer's size; 0 at the end of the file.
    public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(SystemError) -> Int {
        guard
            let count = retryingInterrupts({
                pread(descriptor.rawValue, buffer.baseAddress, buffer.count, off_t(clamping: offset))
            })
        else { throw .last("pread", path) }
        return count
    }

    /// Up to `count` bytes from `offset`; fewer only at the end of the file.
    public func bytes(_ count: Int, at offset: UInt64) throws(SystemError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let read = retryingInterrupts {
                bytes.withUnsafeMutableBytes {
                    pread(
                        descriptor.rawValue, $0.baseAddress.map { $0 + done }, count - done,
                        off_t(clamping: offset) + off_t(done))
                }
            }
            guard let read else { throw .last("pread", path) }
            if read == 0 { break }
            done += read
        }
        bytes.removeLast(count - done)
        return bytes
    }
}
