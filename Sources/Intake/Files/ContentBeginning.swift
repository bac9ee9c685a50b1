import OperationLogs

/// Hashes of the first lines of what was read of a file: by them a copy is known that is shorter than what was read.
struct ContentBeginning: Sendable, Hashable {
    /// A line's end among the first 1,024 bytes, and a hash of all before it.
    struct LineEnd: Sendable, Hashable {
        var offset: UInt16
        var hash: UInt32
    }

    static let mostLines = 32
    /// Of the first lines, in order; none where they are not known.
    let lineEnds: [LineEnd]

    init(lineEnds: [LineEnd]) { self.lineEnds = lineEnds }

    /// - Parameter head: the first bytes; what stands behind 1,024 of them does not count.
    init(of head: some Collection<UInt8>) {
        var hash = ContentHash()
        var ends: [LineEnd] = []
        var line: [UInt8] = []
        var offset = 0
        for byte in head.prefix(FilePosition.fingerprintBytes) where ends.count < Self.mostLines {
            line.append(byte)
            offset += 1
            guard byte == 0x0a else { continue }
            line.withUnsafeBytes { hash.update($0) }
            line.removeAll(keepingCapacity: true)
            ends.append(LineEnd(offset: UInt16(offset), hash: UInt32(truncatingIfNeeded: hash.value)))
        }
        lineEnds = ends
    }

    /// Whether all whole lines among these bytes, and at least one, are the first that were read; of more than are known, the
    /// known ones.
    func fits(_ bytes: [UInt8]) -> Bool {
        guard let last = ContentBeginning(of: bytes).lineEnds.last else { return false }
        return lineEnds.contains(last)
    }

    /// As it stands in a position: each as 16 bits of offset and 32 of hash, little-endian.
    var encoded: [UInt8] {
        lineEnds.flatMap { end in
            withUnsafeBytes(of: end.offset.littleEndian, Array.init)
                + withUnsafeBytes(of: end.hash.littleEndian, Array.init)
        }
    }

    static let lineEndBytes = 6

    init(encoded: UnsafeRawBufferPointer) {
        lineEnds = stride(from: 0, to: encoded.count, by: Self.lineEndBytes).map {
            LineEnd(offset: encoded.littleEndian($0), hash: encoded.littleEndian($0 + 2))
        }
    }
}
