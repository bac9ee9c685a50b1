import Glibc
import LinuxSystem

/// Whether a file holds what was read of another, or of itself before a restart.
///
/// A read that fails is no answer: it is thrown, and whoever asked puts off what depends on it.
struct ContentComparison {
    /// What was read: the place with its hash, and the first bytes or their hash.
    let mark: ContentMark
    let fingerprint: UInt64
    let beginning: ContentBeginning
    init(_ position: FilePosition) {
        mark = position.mark
        fingerprint = position.fingerprint
        beginning = position.beginning
    }

    init(mark: ContentMark, head: [UInt8]) {
        self.mark = mark
        let length = Int(min(mark.offset, UInt64(FilePosition.fingerprintBytes)))
        fingerprint = head.prefix(length).withUnsafeBytes { ContentHash.of($0).value }
        beginning = ContentBeginning(of: head.prefix(length))
    }

    /// Whether a file ends before the place, and its lines, of which it has at least one, are the first that were read.
    /// Only what stands in its first 1,024 bytes is compared.
    func covers(_ file: some SourceFile, size: UInt64) throws(SystemError) -> Bool {
        guard size > 0, size <= mark.offset else { return false }
        let head = try file.bytes(Int(min(size, UInt64(FilePosition.fingerprintBytes))), at: 0)
        if head.count == FilePosition.fingerprintBytes {
            return head.withUnsafeBytes { ContentHash.of($0).value } == fingerprint
        }
        return beginning.fits(head)
    }

    /// Compares the beginning and the last bytes before the place; with `thoroughly`, the hash of everything between,
    /// which reads the file up to the place.
    ///
    /// - Returns: the file's first bytes (at most 1,024, up to the place) if it holds the same content; nil if not.
    func match(_ file: some SourceFile, size: UInt64, thoroughly: Bool) throws(SystemError) -> [UInt8]? {
        guard size >= mark.offset, mark.offset > 0 else { return nil }
        let head = try file.bytes(Int(min(mark.offset, UInt64(FilePosition.fingerprintBytes))), at: 0)
        guard head.withUnsafeBytes({ ContentHash.of($0).value }) == fingerprint,
            try file.bytes(mark.tail.count, at: mark.offset - UInt64(mark.tail.count)) == mark.tail
        else { return nil }
        if thoroughly {
            guard try Self.hash(of: file, from: mark.hashedFrom, to: mark.offset) == mark.hash else { return nil }
        }
        return head
    }

    private static func hash(of file: some SourceFile, from start: UInt64, to end: UInt64) throws(SystemError)
        -> ContentHash
    {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
        defer { buffer.deallocate() }
        var hash = ContentHash()
        var at = start
        while at < end {
            let wanted = Int(min(UInt64(buffer.count), end - at))
            let count = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]), at: at)
            if count == 0 { break }
            hash.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            at += UInt64(count)
        }
        return hash
    }
}

/// How a file looks beside another that is followed.
enum Resemblance: Hashable {
    case none
    /// All that it holds so far stands at the beginning of the other too: a copy that is being made, perhaps.
    case beginning
    /// It begins with all that was read of the other.
    case whole

    /// Whether the two, of which the one has that size, have much in common: a heading is none.
    func isOfMuch(of size: UInt64, _ original: TrackedFile<some SourceFile>) -> Bool {
        let common =
            switch self {
            case .none: UInt64(0)
            case .beginning: size
            case .whole: original.resume.offset
            }
        return common >= UInt64(FilePosition.fingerprintBytes)
    }

    /// Whether a file that begins so may look like one that was read in part. Looks at no file: of thousands that are new,
    /// each is asked about each.
    static func mayBe(_ beginning: [UInt8], to original: TrackedFile<some SourceFile>) -> Bool {
        let count = min(beginning.count, original.head.count)
        return beginning.withUnsafeBytes { mine in
            original.head.withUnsafeBytes { theirs in
                guard let mine = mine.baseAddress, let theirs = theirs.baseAddress else { return false }
                return memcmp(mine, theirs, count) == 0
            }
        }
    }

    /// Of `file`, which begins so, to `original`, which is open.
    static func of(
        _ file: some SourceFile, _ beginning: [UInt8], size: UInt64, to original: TrackedFile<some SourceFile>
    ) throws(SystemError) -> Resemblance {
        if original.read.offset == 0 { return try ofUnread(file, size: size, to: original) }
        guard size > 0, mayBe(beginning, to: original) else { return .none }
        let head = beginning.prefix(min(original.head.count, Int(clamping: size)))
        if size >= original.resume.offset {
            let comparison = ContentComparison(mark: original.resume, head: original.head)
            return try comparison.match(file, size: size, thoroughly: true) == nil ? .none : .whole
        }
        if size <= UInt64(head.count) { return .beginning }
        let count = min(ContentMark.tailBytes, Int(clamping: size))
        guard let theirs = original.file else { return .none }
        let isAlike =
            try theirs.bytes(count, at: size - UInt64(count)) == file.bytes(count, at: size - UInt64(count))
        if isAlike { return .beginning }
        return try original.hasOtherContent() ? .beginning : .none
    }

    /// Beside one of whose present content nothing has been read yet: only what stands in it now can be compared.
    static func ofUnread(_ file: some SourceFile, size: UInt64, to original: TrackedFile<some SourceFile>)
        throws(SystemError) -> Resemblance
    {
        let headCount = min(FilePosition.fingerprintBytes, Int(clamping: size))
        let tailCount = min(ContentMark.tailBytes, headCount)
        guard size > 0, let other = original.file, try other.bytes(headCount, at: 0) == file.bytes(headCount, at: 0),
            try other.bytes(tailCount, at: size - UInt64(tailCount))
                == file.bytes(tailCount, at: size - UInt64(tailCount))
        else { return .none }
        return .beginning
    }
}
