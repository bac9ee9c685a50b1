import Glibc
import LinuxSystem

/// The shipped daemon as a process, and what the kernel says of it.
final class DaemonProcess {
    let pid: pid_t

    /// Starts `opslogd run`; its output goes to `log`.
    /// - Parameter processor: the only one that it may use; -1: all.
    init(binary: String, configuration: String, log: String, processor: Int = -1) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
        let pinning = processor >= 0 ? ["/usr/bin/taskset", "-c", "\(processor)"] : []
        let arguments = pinning + [binary, "run", "--config", configuration]
        var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var started = pid_t()
        let failure = posix_spawn(&started, arguments[0], &actions, nil, &pointers, environ)
        guard failure == 0 else { throw SystemError(call: "posix_spawn", subject: binary, code: failure) }
        pid = started
    }

    /// User and system seconds so far.
    var cpuSeconds: Double {
        let fields = Self.text("/proc/\(pid)/stat").split(separator: ")").last?.split(separator: " ") ?? []
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return 0 }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// A line of /proc/PID/status in MiB, `VmRSS` and `VmHWM` being of use.
    func memoryMebibytes(_ field: String) -> Double {
        for line in Self.text("/proc/\(pid)/status").split(separator: "\n") where line.hasPrefix(field) {
            let number = line.drop { !$0.isNumber }.prefix { $0.isNumber }
            return (Double(number) ?? 0) / 1024
        }
        return 0
    }

    /// Asks it to stop, and waits.
    /// - Returns: its exit status.
    @discardableResult
    func stop() -> Int32 {
        kill(pid, SIGTERM)
        var status: Int32 = 0
        waitpid(pid, &status, 0)
        return (status >> 8) & 0xff
    }

    static func text(_ path: String) -> String {
        guard let file = fopen(path, "r") else { return "" }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 8192)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }
}
