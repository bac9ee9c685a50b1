import LinuxSystem

/// How a file looks from outside: as long as that stays the same, nothing was written to it.
struct FileStamp: Sendable, Hashable {
    private let size: UInt64
    private let modifiedNanoseconds: Int64
    private let changedNanoseconds: Int64

    init(_ identity: FileIdentity) {
        size = identity.size
        modifiedNanoseconds = identity.modifiedNanoseconds
        changedNanoseconds = identity.changedNanoseconds
    }

    /// Nil where the file was written to so short a time before that it might be again within the same tick of the clock
    /// that stamps files, to the same size.
    init?(_ identity: FileIdentity, at time: Int64) {
        self.init(identity)
        // A second is the coarsest grain that file systems have.
        guard max(modifiedNanoseconds, changedNanoseconds) < time - 1_000_000_000 else { return nil }
    }
}
