/// What a file input is doing, for people and for `status --json`.
public struct FileInputStatus: Sendable {
    public enum State: String, Sendable {
        /// There are bytes that have not been read.
        case reading
        /// All that is there has been read.
        case waiting
        /// It may be the copy of another file: looked at again within seconds.
        case held
        /// Rotated: read on until its writer has let go of it.
        case rotated
        /// It could not be read; tried again.
        case failing
    }

    public struct File: Sendable {
        public var path: String
        /// Bytes read, up to the beginning of a line that has not ended.
        public var position: UInt64
        /// Bytes that were last seen in it.
        public var size: UInt64
        public var state: State
    }

    public var name: String
    /// By path.
    public var files: [File]
    /// Whether the files that are there have been found since the start; until then the lag is not known.
    public var hasLooked: Bool
    /// Bytes that were seen in files and not yet read.
    public var lagBytes: Int
    /// Handed to the spool and not yet durable.
    public var bytesUnderWay: Int
    public var watchedDirectories: [String]
    /// Those that cannot be watched and are looked through at intervals, with the reason in the log.
    public var polledDirectories: [String]
    /// Why nothing is read yet: lines may have been lost in the spool that were delivered. Nil if reading goes on.
    public var wait: String?
    /// Names that could not be opened, and why.
    public var failures: [String]
    /// Bytes of rotated files that were never found again.
    public var bytesLost: UInt64
}
