import LinuxSystem
import OperationLogs

/// Why the store cannot be used at all. An append that merely found no room throws `SystemError`, and may be tried again.
public enum DeadLetterStoreError: DeadLettersUnusable, Sendable, Hashable, CustomStringConvertible {
    /// A sync failed, or a failed write could not be taken back: what stands on disk is not known. Exit 74.
    case unusable(SystemError)
    /// A file was written by a later opslogd. Nothing was touched. Exit 78.
    case unknownVersion(file: String, version: String)

    public var description: String {
        switch self {
        case .unusable(let error):
            "dead letters cannot be kept any more: \(error); look at the disk, then start opslogd again"
        case .unknownVersion(let file, let version):
            "dead-letters/\(file) has the format version \(version), this opslogd knows \(JournalHeader.version): "
                + "install the version that wrote it, or move the file elsewhere"
        }
    }
}
