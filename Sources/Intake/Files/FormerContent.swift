import LinuxSystem

/// What was read of a file, and is not known to stand in one that is followed: the file was truncated, or is not found. A
/// copy of it may still come, or be found.
struct FormerContent {
    /// How far it was read, and of which file.
    var position: FilePosition
    let comparison: ContentComparison
    /// The key of that position until it is known where the content is, or that it is nowhere.
    var key: [UInt8]?
    /// Whether the spool may hold a position with this key, and whether that is this one.
    var isInSpool: Bool
    var isNoted: Bool
    /// Whether it is known that its own file holds it no more: then each file that does is a copy of it.
    var hasLeftItsFile: Bool
    /// Whether its file is gone that was not open; and whether that was written to after it was read.
    var isGone = false
    var mayHaveGrown = false
    /// Until when a copy of it may come, nanoseconds of a monotonic clock; nil as long as it could not be looked for
    /// everywhere.
    var until: UInt64?
    /// Why it could not.
    var trouble: SystemError?

    /// Of a file that was truncated; it gets another key.
    init(truncated position: FilePosition, key: [UInt8], isInSpool: Bool) {
        self.position = position
        comparison = ContentComparison(position)
        self.key = key
        self.isInSpool = isInSpool
        isNoted = false
        hasLeftItsFile = true
    }

    /// As it was found in the spool.
    init(recovered position: FilePosition, key: [UInt8]) {
        self.position = position
        comparison = ContentComparison(position)
        self.key = key
        isInSpool = true
        isNoted = true
        hasLeftItsFile = false
    }

    var path: String { position.path }
    var mark: ContentMark { comparison.mark }

    /// A file that may still hold the content itself is read on, and a copy of it is then one that is not read.
    func mustHaveLeftItsFile() throws(SystemError) {
        if !hasLeftItsFile, let trouble { throw trouble }
    }
}
