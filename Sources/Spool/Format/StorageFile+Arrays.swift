import LinuxSystem

extension StorageFile {
    func write(_ bytes: [UInt8], at offset: UInt64) throws(SystemError) {
        try write([bytes], at: offset)
    }

    /// Writes arrays one behind the other.
    func write(_ arrays: [[UInt8]], at offset: UInt64) throws(SystemError) {
        let joined = Array(arrays.joined())
        try joined.withRawBytes { bytes throws(SystemError) in try write([bytes], at: offset) }
    }

    /// Up to `count` bytes; fewer where the file ends.
    func bytes(from offset: UInt64, count: Int) throws(SystemError) -> [UInt8] {
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 16)
        defer { room.deallocate() }
        let done = try read(into: room, at: offset)
        return Array(room[..<done])
    }
}

extension [UInt8] {
    /// `withUnsafeBytes`, with the error's type kept.
    func withRawBytes<Result>(
        _ body: (UnsafeRawBufferPointer) throws(SystemError) -> Result
    ) throws(SystemError) -> Result {
        try withUnsafeBufferPointer { buffer throws(SystemError) in try body(UnsafeRawBufferPointer(buffer)) }
    }
}
