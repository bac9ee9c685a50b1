import CLinux
import Glibc

/// A real file. Related system calls: `pread`, `pwritev`, `fdatasync`, `fallocate`, `ftruncate`, `fstat`.
public final class RegularFile: StorageFile {
    private let descriptor: Descriptor
    private let subject: String

    init(_ descriptor: Descriptor, _ subject: String) {
        self.descriptor = descriptor
        self.subject = subject
    }

    public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(SystemError) -> Int {
        let count = WholeTransfer.read(into: buffer, at: offset) { rest, at in
            pread(descriptor.rawValue, rest.baseAddress, rest.count, at)
        }
        guard let count else { throw .last("pread", subject) }
        return count
    }

    public func write(_ parts: [UnsafeRawBufferPointer], at offset: UInt64) throws(SystemError) {
        let isWritten = WholeTransfer.write(parts, at: offset) { batch, at in
            pwritev(descriptor.rawValue, batch.baseAddress, Int32(batch.count), at)
        }
        guard isWritten else { throw .last("pwritev", subject) }
    }

    public func synchronize() throws(SystemError) {
        guard fdatasync(descriptor.rawValue) == 0 else { throw .last("fdatasync", subject) }
    }

    public func allocate(_ length: UInt64) throws(SystemError) {
        guard retryingInterrupts({ clinux_allocate(descriptor.rawValue, Int64(length)) }) != nil else {
            // A file system without fallocate meets a full disk later, in a write.
            if errno == EOPNOTSUPP { return try truncate(to: length) }
            throw .last("fallocate", subject)
        }
    }

    public func reserve(upTo length: UInt64) {
        _ = retryingInterrupts { clinux_reserve(descriptor.rawValue, Int64(length)) }
    }

    public func truncate(to length: UInt64) throws(SystemError) {
        guard retryingInterrupts({ ftruncate(descriptor.rawValue, off_t(length)) }) != nil else {
            throw .last("ftruncate", subject)
        }
    }

    public func length() throws(SystemError) -> UInt64 {
        try FileIdentity.of(descriptor.rawValue, subject).size
    }
}
