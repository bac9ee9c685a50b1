import Glibc

/// A system call that failed: which one, on what, and the errno, with a sentence for people.
///
/// The one place where an errno becomes words.
public struct SystemError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The system call, `fdatasync(2)` being `fdatasync`.
    public let call: String
    /// What it was called on: a path, a name within a held directory, or what a descriptor stands for.
    public let subject: String
    /// The error number, as in errno(3).
    public let code: Int32

    public init(call: String, subject: String, code: Int32) {
        self.call = call
        self.subject = subject
        self.code = code
    }

    /// The failure that errno now names.
    public static func last(_ call: String, _ subject: String) -> SystemError {
        SystemError(call: call, subject: subject, code: errno)
    }

    public var description: String {
        var sentence = fact
        if let remedy { sentence += "; \(remedy)" }
        return sentence
    }

    /// What happened, to what, without what to do next: for who knows that better.
    public var fact: String { "\(subject): \(call): \(String(cString: strerror(code)))" }

    /// What to do next, where the error number says it.
    public var remedy: String? {
        switch code {
        case ENOSPC: "free space on that file system"
        case EDQUOT: "raise the disk quota of this user"
        case EACCES, EPERM: "give the user that runs opslogd access to it"
        case EROFS: "mount the file system writable, or name a directory elsewhere"
        case EMFILE: "raise the limit of open files (LimitNOFILE= in the unit)"
        case ENFILE: "the whole system is out of file descriptors"
        case EIO: "the device reports an error; look at the kernel's log before going on"
        case ENOENT: "it does not exist"
        default: nil
        }
    }

    /// Whether the disk, or the share of it that this user may fill, is full.
    public var isOutOfSpace: Bool { code == ENOSPC || code == EDQUOT }
}
