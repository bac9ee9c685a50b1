import Glibc
import LinuxSystem
import OperationLogs

/// Why lines could not be made durable.
public enum SendingError: Error, Sendable, Hashable, CustomStringConvertible {
    /// No opslogd listens at the path; exit status 69 of `opslogd send`.
    case nobodyListens(path: String)
    /// This user may not write to the socket; exit status 77.
    case notPermitted(path: String)
    /// The connection ended before everything was durable; exit status 75. The first `durable` of `sent` lines are on
    /// disk; of the others it is not known: send them again.
    case closed(path: String, durable: UInt64, sent: UInt64)
    /// opslogd did not understand what it was sent: a control line among the lines, or another version.
    case refused(path: String, message: String)
    /// What came back is not opslogd's.
    case notUnderstood(path: String)
    case system(SystemError)

    public var description: String {
        switch self {
        case .nobodyListens(let path): "\(path): nobody listens there; start opslogd, or name its socket"
        case .notPermitted(let path): "\(path): no right to write to it; join the group of the socket"
        case .closed(let path, let durable, let sent):
            "\(path): opslogd closed the connection; \(durable) of \(sent) lines are durable, send the others again"
        case .refused(let path, let message):
            "\(path): opslogd refused: \(Self.printable(message)); send event lines only"
        case .notUnderstood(let path): "\(path): what answers there is not opslogd; name its socket"
        case .system(let failure): failure.description
        }
    }

    init(connecting path: String, _ failure: SystemError) {
        switch failure.code {
        case ECONNREFUSED, ENOENT, ENOTSOCK: self = .nobodyListens(path: path)
        case EACCES, EPERM: self = .notPermitted(path: path)
        default: self = .system(failure)
        }
    }

    private static func printable(_ text: String) -> String {
        String(JSONObjectWriter.quoted(text).dropFirst().dropLast())
    }
}
