import Glibc

/// What a command ends with; the numbers are those of sysexits(3).
enum ExitStatus: Int32 {
    case done = 0
    /// The thing asked about is not so.
    case notSo = 1
    case usage = 64
    case noInput = 66
    case unavailable = 69
    case inputOutput = 74
    case tryAgain = 75
    case noPermission = 77
    case configuration = 78
}

/// The end of a command that did not do what it was asked: a status and one line that says what to do next.
struct CommandFailure: Error {
    let status: ExitStatus
    let message: String

    init(_ status: ExitStatus, _ message: String) {
        self.status = status
        self.message = message
    }

    /// Prints the line (`check` may have several) and ends the process.
    func report() -> Never {
        for line in message.split(separator: "\n") { StandardError.write("opslogd: \(line)\n") }
        exit(status.rawValue)
    }
}
