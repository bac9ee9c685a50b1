import Glibc
import LinuxSystem

/// A look at several files of which some cannot be looked at now: what these would have told stays open.
///
/// That a name is not there is an answer. Any other failure is none: nothing is decided that depends on it, and the look
/// is taken again later.
struct Survey {
    /// The first failure; nil if each question was answered.
    private(set) var trouble: SystemError?

    var isWhole: Bool { trouble == nil }

    /// - Returns: the answer; nil if it is no or unknown, and `trouble` tells which.
    mutating func answer<Answer>(_ body: () throws(SystemError) -> Answer?) -> Answer? {
        do {
            return try body()
        } catch {
            note(error)
            return nil
        }
    }

    mutating func note(_ error: SystemError) { trouble = trouble ?? error }
}

extension SystemError {
    /// Whether it says that nothing has this name.
    var isAbsence: Bool { code == ENOENT || code == ENOTDIR || code == ELOOP }
    /// Whether it says that this user has no right to it, which time does not mend.
    var isDenial: Bool { code == EACCES || code == EPERM }
}
