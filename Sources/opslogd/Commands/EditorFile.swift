import Glibc
import LinuxSystem

/// A text in somebody's editor, in a file that goes once its edits have been used, and stays where they would be lost.
struct EditorFile {
    let path: String
    /// A file that still holds this holds nobody's work.
    private let original: [UInt8]

    /// Makes it, readable for its owner only.
    init(_ text: [UInt8]) throws {
        var name = Array("\(Self.directory)/opslogd-dead-letters.XXXXXX.ndjson\0".utf8CString)
        let made = mkstemps(&name, 7)
        guard made >= 0 else { throw CommandFailure(describing: SystemError.last("mkstemps", Self.directory)) }
        path = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        original = text
        let file = OutputFile(Descriptor(owning: made), name: path)
        do {
            try file.write(text)
            try file.finish()
        } catch {
            unlink(path)
            throw error
        }
    }

    private static var directory: String {
        getenv("TMPDIR").map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
    }

    /// The user's choice; `vi` where there is none.
    static var usersEditor: String {
        let names: [String] = ["VISUAL", "EDITOR"]
        return names.lazy.compactMap { name in getenv(name).map { String(cString: $0) } }.first { !$0.isEmpty } ?? "vi"
    }

    /// Opens it in the editor.
    ///
    /// - Parameter body: is given what was left in it, and says whether all of that has been used.
    /// - Throws: what went wrong, and where the edits are kept, if there are any.
    func edit(with editor: String = usersEditor, _ body: ([UInt8]) throws -> Bool) throws {
        do {
            try run(editor)
            if try body(content()) {
                unlink(path)
                return
            }
        } catch {
            let failure = error as? CommandFailure ?? CommandFailure(describing: error)
            guard keepsEdits() else { throw failure }
            throw CommandFailure(failure.status, "\(failure.message); your edits are kept in \(path)")
        }
        if keepsEdits() { StandardError.write("opslogd: your edits are kept in \(path)\n") }
    }

    /// Removes it if nobody has changed it.
    private func keepsEdits() -> Bool {
        // One that cannot be read may hold edits nevertheless.
        let isUntouched = (try? content()).map { $0 == original } ?? false
        if isUntouched { unlink(path) }
        return access(path, F_OK) == 0
    }

    private func content() throws -> [UInt8] {
        // Editors often write a new file and give it the name.
        let file = try InputFile(path)
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while case let count = try buffer.withUnsafeMutableBytes({ try file.read(into: $0) }), count > 0 {
            bytes += buffer[..<count]
        }
        return bytes
    }

    /// In the foreground of this terminal, through the shell, as the variables may hold arguments.
    private func run(_ editor: String) throws {
        let words: [String] = ["/bin/sh", "-c", editor + " \"$1\"", "opslogd", path]
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
            throw CommandFailure(.notSo, "the editor '\(editor)' ended with an error; nothing was sent")
        }
    }
}
