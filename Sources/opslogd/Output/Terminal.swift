import Glibc
import LinuxSystem

/// Standard error, unbuffered.
enum StandardError {
    static func write(_ text: String) {
        var text = text
        text.withUTF8 { _ = Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }
}

/// Standard output, unbuffered: whoever takes it for whole after an exit with 0 has all of it.
enum StandardOutput {
    /// Ends the process where it cannot be written: with 0 if nobody reads on, else with 74.
    static func write(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let part = UnsafeRawBufferPointer(rebasing: rest)
                guard let count = retryingInterrupts({ Glibc.write(STDOUT_FILENO, part.baseAddress, part.count) })
                else {
                    fail(errno)
                    continue
                }
                rest = rest.dropFirst(count)
            }
        }
    }

    /// Returns where it is worth another try.
    private static func fail(_ code: Int32) {
        switch code {
        // A closed pipe.
        case EPIPE: exit(ExitStatus.done.rawValue)
        // Somebody else who has the same terminal or pipe made it non-blocking.
        case EAGAIN:
            var waiting = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
            poll(&waiting, 1, -1)
        default:
            CommandFailure(
                .inputOutput,
                "what was to be printed is not all there: standard output: \(String(cString: strerror(code)))"
            ).report()
        }
    }

    static func line(_ text: String) { write(Array(text.utf8) + [0x0a]) }

    static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }
}

/// Colour for people: only on a terminal, and not where NO_COLOR is set.
struct Style {
    let isColoured: Bool

    static let output = Style(isColoured: StandardOutput.isTerminal && getenv("NO_COLOR") == nil)

    func bold(_ text: String) -> String { wrapped(text, "1") }
    func green(_ text: String) -> String { wrapped(text, "32") }
    func red(_ text: String) -> String { wrapped(text, "31") }
    func dim(_ text: String) -> String { wrapped(text, "2") }

    private func wrapped(_ text: String, _ code: String) -> String {
        isColoured ? "\u{1b}[\(code)m\(text)\u{1b}[0m" : text
    }
}
