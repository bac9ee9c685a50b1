import Glibc
import LinuxSystem

/// A directory that goes with everything in it when the test ends; others may pass through it.
final class TemporaryDirectory: Sendable {
    struct Failure: Error {
        let code: Int32
    }

    let path: String

    init() throws {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/opslogd.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure(code: errno) }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        chmod(path, 0o755)
    }

    deinit {
        _ = try? ChildProcess.start(
            ChildProcess.Start(
                program: "/bin/rm", arguments: ["-rf", path], environment: [:], directory: "/",
                output: Descriptor(owning: dup(2)))
        ).wait()
    }
}
