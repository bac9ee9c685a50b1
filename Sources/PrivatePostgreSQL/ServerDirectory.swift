import Glibc
import LinuxSystem

/// The directory of a private server: `data`, `socket` and `log` under a path of its own.
struct ServerDirectory: Sendable {
    /// Absolute.
    let path: String
    /// Who runs the server; nil: this process's own user.
    let user: ChildProcess.User?

    var data: String { path + "/data" }
    var log: String { path + "/log" }

    /// A Unix socket's address holds 108 bytes, one of them its end (unix(7)).
    static let longestSocketPath = 107

    /// Makes the directory for the user who will run the server, and checks that it is fit.
    init(path given: String, port: Int) throws(ServerProblem) {
        path = given.hasPrefix("/") ? given : Self.workingDirectory + "/" + given
        let socketPath = "\(path)/.s.PGSQL.\(port)"
        guard socketPath.utf8.count <= Self.longestSocketPath else {
            throw .unsuitable(
                "\(socketPath) has \(socketPath.utf8.count) bytes, and the path of a Unix socket holds "
                    + "\(Self.longestSocketPath); choose a shorter directory for the private PostgreSQL")
        }
        user = try Self.userForServer()
        do throws(SystemError) { try make() } catch { throw Self.problem(error) }
    }

    /// PostgreSQL refuses to run as root; as root it runs as the user that Debian's package made for it, or as one that
    /// owns nothing.
    private static func userForServer() throws(ServerProblem) -> ChildProcess.User? {
        guard geteuid() == 0 else { return nil }
        for name in ["postgres", "nobody"] {
            if let user = ChildProcess.User(named: name), user.uid != 0 { return user }
        }
        throw .notPermitted(
            "PostgreSQL does not run as root, and there is neither a user postgres nor a user nobody; create one")
    }

    private func make() throws(SystemError) {
        if mkdir(path, 0o700) != 0, errno != EEXIST { throw .last("mkdir", path) }
        let identity = try FileIdentity.at(path, followingLinks: false)
        guard identity.isDirectory else { throw SystemError(call: "open", subject: path, code: ENOTDIR) }
        if let user, identity.owner != user.uid {
            // Only an empty directory of root's is given away: chown of something else would hand files to that user.
            guard identity.owner == geteuid(), isEmpty else {
                throw SystemError(call: "chown (it holds files of somebody else)", subject: path, code: EPERM)
            }
            guard chown(path, user.uid, user.gid) == 0 else { throw .last("chown", path) }
        }
        guard chmod(path, 0o700) == 0 else { throw .last("chmod", path) }
    }

    private var isEmpty: Bool {
        guard let stream = opendir(path) else { return false }
        defer { closedir(stream) }
        var count = 0
        while readdir(stream) != nil { count += 1 }
        return count <= 2
    }

    /// The major version of the data that stands here; nil before initdb has finished.
    var dataVersion: Int? { Self.text(of: data + "/PG_VERSION").flatMap { Int($0.prefix { $0 != "\n" }) } }

    /// The parts of `postmaster.pid` that matter here.
    struct Running {
        var processID: Int32
        var isReady: Bool
    }

    var running: Running? {
        guard let text = Self.text(of: data + "/postmaster.pid") else { return nil }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard let first = lines.first, let processID = Int32(first) else { return nil }
        // Line 8 since PostgreSQL 10: "starting", "ready", "standby", "stopping".
        return Running(processID: processID, isReady: lines.count > 7 && lines[7].hasPrefix("ready"))
    }

    /// A process of a server of this directory, if there is one: the postmaster and all its children work in its data
    /// directory. Children of a postmaster that was killed end by themselves, but not at once, and a new server beside
    /// them would ruin the data.
    var servingProcess: Int32? {
        guard let real = realpath(data, nil), let stream = opendir("/proc") else { return nil }
        defer {
            closedir(stream)
            free(real)
        }
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let processID = Int32(name) else { continue }
            var bytes = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
            let count = readlink("/proc/\(processID)/cwd", &bytes, Int(PATH_MAX))
            if count > 0, strcmp(bytes, real) == 0 { return processID }
        }
        return nil
    }

    /// Waits until no process of a server of this directory is left.
    ///
    /// - Returns: the one that is, if the time ran out.
    func awaitEmptiness(milliseconds: Int) -> Int32? {
        for _ in 0..<milliseconds / 10 {
            if servingProcess == nil { return nil }
            usleep(10_000)
        }
        return servingProcess
    }

    /// Takes away the lock files of a server that was killed: their process ids may be another process's by now, which
    /// keeps a new server from starting.
    func removeLeftLocks(port: Int) {
        unlink(data + "/postmaster.pid")
        unlink("\(path)/.s.PGSQL.\(port).lock")
        unlink("\(path)/.s.PGSQL.\(port)")
    }

    /// The last lines of the log, for a message.
    var endOfLog: String {
        guard let text = Self.text(of: log) else { return "" }
        return text.split(separator: "\n").suffix(4).joined(separator: " / ")
    }

    func openLog() throws(SystemError) -> Descriptor {
        let opened = fopen(log, "ae")
        guard let opened else { throw .last("open", log) }
        defer { fclose(opened) }
        let copy = fcntl(fileno(opened), F_DUPFD_CLOEXEC, 3)
        guard copy >= 0 else { throw .last("dup", log) }
        return Descriptor(owning: copy)
    }

    func write(_ text: String, to name: String) throws(SystemError) {
        let file = data + "/" + name
        guard let opened = fopen(file, "we") else { throw .last("open", file) }
        let isWritten = fputs(text, opened) >= 0
        guard fclose(opened) == 0, isWritten else { throw .last("write", file) }
        if let user, chown(file, user.uid, user.gid) != 0 { throw .last("chown", file) }
    }

    static func problem(_ error: SystemError) -> ServerProblem {
        switch error.code {
        case EACCES, EPERM: .notPermitted(error.description)
        default: .system(error)
        }
    }

    private static func text(of file: String) -> String? {
        guard let opened = fopen(file, "re") else { return nil }
        defer { fclose(opened) }
        var text: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&part, 1, part.count, opened)
            if count == 0 { return String(decoding: text, as: UTF8.self) }
            text += part[..<count]
            if text.count > 1 << 20 { text.removeFirst(text.count - 65_536) }
        }
    }

    private static var workingDirectory: String {
        guard let path = getcwd(nil, 0) else { return "/" }
        defer { free(path) }
        return String(cString: path)
    }
}
