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
        var done = 0
        while done < buffer.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
            guard
                let count = retryingInterrupts({
                    pread(descriptor.rawValue, rest.baseAddress, rest.count, off_t(offset) + off_t(done))
                })
            else { throw .last("pread", subject) }
            if count == 0 { break }
            done += count
        }
        return done
    }

    public func write(_ parts: [UnsafeRawBufferPointer], at offset: UInt64) throws(SystemError) {
        var vectors = parts.filter { !$0.isEmpty }.map {
            iovec(iov_base: UnsafeMutableRawPointer(mutating: $0.baseAddress), iov_len: $0.count)
        }[...]
        var at = off_t(offset)
        while !vectors.isEmpty {
            let count = vectors.prefix(1024).withUnsafeBufferPointer { batch in
                retryingInterrupts { pwritev(descriptor.rawValue, batch.baseAddress, Int32(batch.count), at) }
            }
            guard var written = count else { throw .last("pwritev", subject) }
            at += off_t(written)
            while let first = vectors.first, written >= first.iov_len {
                written -= first.iov_len
                vectors.removeFirst()
            }
            if written > 0, let first = vectors.first {
                vectors[vectors.startIndex] = iovec(
                    iov_base: first.iov_base.map { $0 + written }, iov_len: first.iov_len - written)
            }
        }
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
