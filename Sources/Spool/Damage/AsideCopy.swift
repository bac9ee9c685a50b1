import LinuxSystem

/// Copies bytes that do not verify into a directory of their own before anything is done with them.
struct AsideCopy<Disk: Storage> {
    static var largest: UInt64 { 32 << 20 }
    private static var block: UInt64 { 1 << 20 }
    private static var partial: String { "partial" }

    let directory: Disk

    /// Durable under its name when this returns; an interrupted copy has no name yet and is made anew.
    /// - Parameter file: nil leaves a name alone, of a file that is not there.
    func make(_ name: String, of file: Disk.File?, from offset: UInt64, upTo end: UInt64) throws(SystemError) {
        if try directory.names().contains(Self.partial) { try directory.remove(Self.partial) }
        do throws(SystemError) {
            let copy = try directory.open(Self.partial, .creating)
            var at = offset
            while let file, at < min(end, offset + Self.largest) {
                let bytes = try file.bytes(from: at, count: Int(min(Self.block, end - at)))
                guard !bytes.isEmpty else { break }
                try copy.write(bytes, at: at - offset)
                at += UInt64(bytes.count)
            }
            try copy.synchronize()
        } catch  where error.isOutOfSpace {
            try directory.remove(Self.partial)
            throw error
        }
        try directory.rename(Self.partial, to: name)
        try directory.synchronizeDirectory()
    }
}
