import LinuxSystem

/// Hashes of the first bytes of what was read of a file: by them a copy is known that is shorter than what was read.
struct ContentBeginning: Sendable, Hashable {
    /// Of so many bytes each.
    static let lengths = [64, 128, 256, 512]

    /// 0 where less was read; none where they are not known.
    let hashes: [UInt64]

    init(hashes: [UInt64]) { self.hashes = hashes }

    init(of head: some Collection<UInt8>) {
        var hash = ContentHash()
        var done = 0
        var hashes: [UInt64] = []
        for length in Self.lengths {
            guard head.count >= length else {
                hashes.append(0)
                continue
            }
            Array(head.dropFirst(done).prefix(length - done)).withUnsafeBytes { hash.update($0) }
            done = length
            hashes.append(hash.value)
        }
        self.hashes = hashes
    }

    /// Whether as much of these bytes as was hashed is what was read; false where that is less than 64 of them.
    func fits(_ bytes: [UInt8]) -> Bool {
        let theirs = ContentBeginning(of: bytes).hashes
        guard let last = Array(zip(hashes, theirs)).last(where: { $0 != 0 && $1 != 0 }) else { return false }
        return last.0 == last.1
    }
}
