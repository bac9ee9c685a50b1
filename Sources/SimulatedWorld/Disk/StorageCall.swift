/// The kinds of calls that meet at the storage seam, each of which can be told to fail.
package enum StorageCall: String, CaseIterable, Sendable {
    case openReading = "open for reading"
    case openWriting = "open for writing"
    case openCreating = "open for creating"
    case read = "pread"
    case write = "pwritev"
    case synchronize = "fdatasync"
    case synchronizeDirectory = "fsync"
    case allocate = "fallocate"
    case truncate = "ftruncate"
    case rename = "rename"
    case remove = "unlink"
    case directory = "mkdir"
    case names = "readdir"
    case length = "fstat"
    case availableBytes = "fstatvfs"
    /// A wish: nobody hears that it failed.
    case reserve = "fallocate beyond the end"

    /// As an error names it.
    package var systemName: String {
        switch self {
        case .openReading, .openWriting, .openCreating: "open"
        case .reserve: "fallocate"
        default: rawValue
        }
    }
}
