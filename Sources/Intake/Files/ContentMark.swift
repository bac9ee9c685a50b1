import LinuxSystem

/// A place in a file, and what stands before it: enough to tell later whether the same content still stands there.
struct ContentMark: Sendable, Hashable {
    /// How many of the bytes before the place are kept.
    static let tailBytes = 64

    /// The place: everything before it has been read.
    private(set) var offset: UInt64
    /// Where the hash begins: 0, or where reading began for a file with `start_at: end`.
    let hashedFrom: UInt64
    /// Of everything from `hashedFrom` up to `offset`.
    private(set) var hash: ContentHash
    /// The last bytes before `offset`, at most 64 of them, from 0 also where the hash begins later.
    private(set) var tail: [UInt8]

    /// At the beginning of a file.
    init() {
        offset = 0
        hashedFrom = 0
        hash = ContentHash()
        tail = []
    }

    /// Where reading begins in the middle.
    init(startingAt offset: UInt64, tail: [UInt8]) {
        self.offset = offset
        hashedFrom = offset
        hash = ContentHash()
        self.tail = tail.suffix(Self.tailBytes)
    }

    /// A mark that was recovered.
    init(offset: UInt64, hashedFrom: UInt64, hash: ContentHash, tail: [UInt8]) {
        self.offset = offset
        self.hashedFrom = hashedFrom
        self.hash = hash
        self.tail = tail
    }

    /// At the end of a file, with its first bytes.
    static func ofAll(_ file: some SourceFile, size: UInt64) throws(SystemError) -> (mark: ContentMark, head: [UInt8]) {
        var mark = ContentMark()
        var head: [UInt8] = []
        while mark.offset < size {
            let bytes = try file.bytes(Int(min(size - mark.offset, 256 << 10)), at: mark.offset)
            if bytes.isEmpty { break }
            if mark.offset == 0 { head = Array(bytes.prefix(FilePosition.fingerprintBytes)) }
            bytes.withUnsafeBytes { mark.advance(over: $0) }
        }
        return (mark, head)
    }

    /// Where the last line begins, or would begin: behind the last line's end in the file.
    static func ofLastLine(_ file: some SourceFile, size: UInt64) throws(SystemError) -> ContentMark {
        var end = size
        var start = end
        while end > 0 {
            let from = end - min(end, 64 << 10)
            let bytes = try file.bytes(Int(end - from), at: from)
            if let newline = bytes.lastIndex(of: 0x0a) {
                start = from + UInt64(newline) + 1
                break
            }
            end = from
            start = 0
        }
        let before = min(start, UInt64(tailBytes))
        return ContentMark(startingAt: start, tail: try file.bytes(Int(before), at: start - before))
    }

    /// Moves the place over bytes that stand behind it.
    mutating func advance(over bytes: UnsafeRawBufferPointer) {
        guard !bytes.isEmpty else { return }
        hash.update(bytes)
        offset += UInt64(bytes.count)
        if bytes.count >= Self.tailBytes {
            tail.replaceSubrange(0..<tail.count, with: bytes.suffix(Self.tailBytes))
        } else {
            tail.append(contentsOf: bytes)
            if tail.count > Self.tailBytes { tail.removeFirst(tail.count - Self.tailBytes) }
        }
    }
}
