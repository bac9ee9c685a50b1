import Glibc
import LinuxSystem

/// A directory that goes with everything in it when the test ends; others may pass through it.
final class TemporaryDirectory {
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

    func write(_ text: String, to name: String) throws {
        guard let file = fopen("\(path)/\(name)", "w") else { throw Failure(code: errno) }
        fputs(text, file)
        fclose(file)
    }

    /// Whether somebody accepts connections on a Unix socket.
    func isListening(_ name: String) -> Bool {
        let client = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(client) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { bytes in
            bytes.copyBytes(from: "\(path)/\(name)".utf8.prefix(bytes.count - 1))
        }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(client, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
    }

    /// Whether any process on this machine has its working directory there.
    func processes(workingIn name: String) -> Bool {
        guard let stream = opendir("/proc") else { return false }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let process = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            var target = [CChar](repeating: 0, count: 4096)
            if readlink("/proc/\(process)/cwd", &target, 4095) > 0,
                strcmp(target, "\(path)/\(name)") == 0
            {
                return true
            }
        }
        return false
    }
}
