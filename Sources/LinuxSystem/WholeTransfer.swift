import Glibc

/// The loops around `pread` and `pwritev`: a signal or a short count is no failure, and what is left follows.
///
/// The call is given from outside, so that tests can interrupt and cut it short as no real file does when it is asked to.
enum WholeTransfer {
    /// pwritev(2) takes no more.
    static let partsOfCall = 1024

    /// Reads until `buffer` is full or the file ends.
    ///
    /// - Parameter read: as `pread`: the bytes read, 0 at the end, -1 with errno.
    /// - Returns: how many bytes were read; nil is a failure, errno says which.
    static func read(
        into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64,
        by read: (UnsafeMutableRawBufferPointer, off_t) -> Int
    ) -> Int? {
        var done = 0
        while done < buffer.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
            guard let count = retryingInterrupts({ read(rest, off_t(offset) + off_t(done)) }) else { return nil }
            if count == 0 { break }
            done += count
        }
        return done
    }

    /// Writes all parts, one behind the other.
    ///
    /// - Parameter write: as `pwritev`: the bytes written, -1 with errno.
    /// - Returns: false is a failure, errno says which.
    static func write(
        _ parts: [UnsafeRawBufferPointer], at offset: UInt64, by write: (UnsafeBufferPointer<iovec>, off_t) -> Int
    ) -> Bool {
        var vectors = parts.filter { !$0.isEmpty }.map {
            iovec(iov_base: UnsafeMutableRawPointer(mutating: $0.baseAddress), iov_len: $0.count)
        }[...]
        var at = off_t(offset)
        while !vectors.isEmpty {
            let count = vectors.prefix(partsOfCall).withUnsafeBufferPointer { batch in
                retryingInterrupts { write(batch, at) }
            }
            guard var written = count else { return false }
            if written == 0 {
                // No file does that; a loop without end would be the worse answer.
                errno = EIO
                return false
            }
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
        return true
    }
}
