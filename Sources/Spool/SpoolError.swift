import Glibc
import LinuxSystem
import OperationLogs

/// Why the spool cannot be opened, written or read: a sentence with what to do next, and the exit status for it.
public struct SpoolError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Code: Sendable, Hashable {
        /// Another process has it open.
        case inUse
        /// Machine or directory are not the ones it was made on.
        case copied
        /// It stands where nothing can be promised.
        case place
        /// A newer version wrote it.
        case unknownVersion
        /// The records to go back to were freed.
        case notKept
        /// The cursor knows records that the segments do not hold.
        case aheadOfSegments
        /// Bytes that were durable do not verify, or are missing.
        case damaged
        /// A system call failed.
        case system(Int32)
        /// The options cannot work.
        case options
    }

    public let code: Code
    public let description: String

    init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }

    init(_ failure: SystemError) {
        self.init(.system(failure.code), failure.description)
    }

    static func inUse(holder: String?, path: String) -> SpoolError {
        SpoolError(
            .inUse,
            "the spool \(path) is in use by process \(holder ?? "unknown"); stop that one, or give this one a "
                + "state_directory of its own")
    }

    static func damaged(_ path: String, offset: UInt64, _ what: String) -> SpoolError {
        SpoolError(
            .damaged,
            "the spool is damaged: \(path) at \(offset): \(what); nothing was changed; copy the spool directory aside, "
                + "look at it with 'opslogd spool verify', and restore the file from a copy")
    }

    /// Whether the disk, or the share of it that this user may fill, is full.
    var isOutOfSpace: Bool { code == .system(ENOSPC) || code == .system(EDQUOT) }

    /// What the process should end with (sysexits.h).
    public var exitStatus: Int32 {
        switch code {
        case .inUse: 75
        case .copied, .place, .unknownVersion, .aheadOfSegments, .options: 78
        case .damaged, .notKept: 74
        case .system(EACCES), .system(EPERM): 77
        case .system: 74
        }
    }
}

/// Runs storage calls, and makes their failure the spool's.
func spooling<Result>(_ body: () throws(SystemError) -> Result) throws(SpoolError) -> Result {
    do { return try body() } catch { throw SpoolError(error) }
}
