import LinuxSystem

/// Why a private server could not be had, in a sentence that ends with what to do next.
public enum ServerProblem: Error, Sendable, Hashable, CustomStringConvertible {
    /// PostgreSQL's programs are not on this machine (a service that is not reachable: exit status 69).
    case programsNotFound(String)
    /// The user that runs it may not work in its directory (77).
    case notPermitted(String)
    /// A setting that cannot be: a path that is too long, a directory that holds something else (78).
    case unsuitable(String)
    /// A server runs in this directory already (75).
    case busy(String)
    /// A system call failed (74).
    case system(SystemError)
    /// initdb or the server itself gave up; with the end of what it wrote (69).
    case failed(String)

    public var description: String {
        switch self {
        case .programsNotFound(let sentence), .notPermitted(let sentence), .unsuitable(let sentence),
            .busy(let sentence), .failed(let sentence):
            sentence
        case .system(let error): error.description
        }
    }
}
