import Glibc
import LinuxSystem

/// Standard error, unbuffered.
enum StandardError {
    static func write(_ text: String) {
        // What was printed before stands before it, also where both go into one pipe.
        fflush(nil)
        var text = text
        text.withUTF8 { _ = Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }
}

/// Standard output.
enum StandardOutput {
    static func write(_ bytes: [UInt8]) {
        // What went through print() before stands before it.
        fflush(nil)
        bytes.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let part = UnsafeRawBufferPointer(rebasing: rest)
                guard let count = retryingInterrupts({ Glibc.write(STDOUT_FILENO, part.baseAddress, part.count) })
                else {
                    // A closed pipe: nobody reads on.
                    exit(ExitStatus.done.rawValue)
                }
                rest = rest.dropFirst(count)
            }
        }
    }

    static func line(_ text: String) {
        print(text)
    }

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
