import Glibc
import LinuxSystem
import OperationLogs

/// The lines of dead letters in somebody's editor: each behind a remark that names it, in a file that is removed afterwards.
struct EditedLetters {
    private let letters: [DeadLetter]

    /// - Parameter left: is told of each that cannot be edited, and why.
    init(_ letters: [DeadLetter], left: (SequenceNumber, String) -> Void) {
        var editable: [DeadLetter] = []
        for letter in letters {
            if String(validating: letter.line, as: UTF8.self) == nil {
                left(letter.id, "its line is not UTF-8, which no editor keeps as it is; use --set")
            } else if letter.line.contains(0x0a) {
                left(letter.id, "a line feed stands in the middle of its line")
            } else {
                editable.append(letter)
            }
        }
        self.letters = editable
    }

    /// Those that were left in the file, with their lines; none where nothing could be edited.
    func lines() throws -> [(id: SequenceNumber, line: [UInt8]?)] {
        guard !letters.isEmpty else { return [] }
        var path = Array("\(Self.directory)/opslogd-dead-letters.XXXXXX.ndjson\0".utf8CString)
        let made = mkstemps(&path, 7)
        guard made >= 0 else { throw CommandFailure(describing: SystemError.last("mkstemps", Self.directory)) }
        let name = String(decoding: path.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { unlink(name) }
        let file = OutputFile(Descriptor(owning: made), name: name)
        try file.write(Array(Self.text(of: letters).utf8))
        try file.finish()
        try Self.runEditor(on: name)
        // Editors often write a new file and give it the name.
        let edited = try InputFile(name)
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while case let count = try buffer.withUnsafeMutableBytes({ try edited.read(into: $0) }), count > 0 {
            bytes += buffer[..<count]
        }
        return try Self.lines(in: bytes, of: Set(letters.map(\.id)))
    }

    private static var directory: String {
        getenv("TMPDIR").map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
    }

    static func text(of letters: [DeadLetter]) -> String {
        var text = """
            # Each line is sent in place of the dead letter that is named above it.
            # A dead letter that is removed with its remark, or has no line, stays as it is.

            """
        for letter in letters {
            let kept = letter.isTruncated ? " (only the first \(letter.line.count) bytes are kept)" : ""
            text += "\n# \(letter.id) \(letter.reason.name): \(Printable.text(letter.detail))\(kept)\n"
            text += String(decoding: letter.line, as: UTF8.self) + "\n"
        }
        return text
    }

    /// - Throws: where a line cannot be told to belong to one of them: nothing is sent then.
    static func lines(in bytes: [UInt8], of ids: Set<SequenceNumber>) throws -> [(id: SequenceNumber, line: [UInt8]?)] {
        var found: [(id: SequenceNumber, line: [UInt8]?)] = []
        var named: SequenceNumber?
        var seen: Set<SequenceNumber> = []
        for (index, line) in bytes.split(separator: 0x0a, omittingEmptySubsequences: false).enumerated() {
            let text = String(decoding: line, as: UTF8.self)
            if text.hasPrefix("#") {
                let word = text.dropFirst().split(separator: " ").first.map(String.init) ?? ""
                // The remarks at the head begin with no number.
                if let id = SequenceNumber(argument: word), word.count == 20 {
                    guard ids.contains(id), seen.insert(id).inserted else {
                        throw refusal(index, "\(id) is not one of those that are edited, or stands there twice")
                    }
                    named = id
                }
                continue
            }
            if text.allSatisfy(\.isWhitespace) { continue }
            guard let id = named else {
                throw refusal(index, "no remark above this line names a dead letter of its own")
            }
            found.append((id, Array(line)))
            named = nil
        }
        return found
    }

    private static func refusal(_ index: Int, _ what: String) -> CommandFailure {
        CommandFailure(.notSo, "line \(index + 1) of the edited file: \(what); nothing was sent")
    }

    /// In the foreground of this terminal, through the shell, as the variables may hold arguments.
    private static func runEditor(on path: String) throws {
        let names: [String] = ["VISUAL", "EDITOR"]
        let editor = names.lazy.compactMap { name in getenv(name).map { String(cString: $0) } }.first { !$0.isEmpty }
        let command = (editor ?? "vi") + " \"$1\""
        let words: [String] = ["/bin/sh", "-c", command, "opslogd", path]
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var child: pid_t = 0
        let code = posix_spawn(&child, "/bin/sh", nil, nil, &arguments, environ)
        guard code == 0 else {
            throw CommandFailure(describing: SystemError(call: "posix_spawn", subject: "/bin/sh", code: code))
        }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        guard status == 0 else {
            throw CommandFailure(.notSo, "the editor '\(editor ?? "vi")' ended with an error; nothing was sent")
        }
    }
}
