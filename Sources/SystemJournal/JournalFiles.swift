import CLibsystemd
import Glibc
import Intake
import LinuxSystem

/// The files of a journal, looked at one by one: libsystemd leaves out those that it cannot read, and says nothing.
struct JournalFiles {
    /// As the configuration names it; nil: this machine's journal.
    let directory: String?

    /// What errors call the journal.
    var place: String { directory ?? "the journal" }

    private static let system = ["/var/log/journal", "/run/log/journal"]

    /// - Returns: what is wrong with files that are left out.
    /// - Throws: if none can be read.
    func check() throws(JournalTrouble) -> [JournalTrouble] {
        let found = try list()
        var leftOut: [JournalTrouble] = []
        var readable = 0
        for path in found {
            guard let code = failure(of: path) else {
                readable += 1
                continue
            }
            // It was removed meanwhile, or is just being made: that is told by libsystemd when it is done.
            if code == ENOENT || code != EACCES && code != EPERM && isNew(path) { continue }
            leftOut.append(trouble("sd_journal_open_files", path, code))
        }
        if readable == 0, let first = leftOut.first { throw first }
        if readable == 0 {
            throw trouble("sd_journal_open", directory ?? Self.system.joined(separator: ", "), ENOENT)
        }
        return leftOut
    }

    func trouble(_ call: String, _ subject: String, _ code: Int32) -> JournalTrouble {
        let failure = SystemError(call: call, subject: subject, code: code)
        switch code {
        case EACCES, EPERM:
            return JournalTrouble(
                failure,
                advice: directory == nil
                    ? "let the daemon's user be a member of the group systemd-journal "
                        + "(SupplementaryGroups=systemd-journal in its unit)" : nil)
        case ENOENT:
            return JournalTrouble(
                failure,
                advice: "no journal is there"
                    + (directory == nil
                        ? "; is systemd-journald running, and Storage= in journald.conf not none?" : " yet"))
        case EBADMSG, ENODATA, EIO, EPROTONOSUPPORT, EINVAL:
            return JournalTrouble(
                failure, advice: "the file is damaged or of a later version: 'journalctl --verify' tells")
        default: return JournalTrouble(failure)
        }
    }

    /// Nil if libsystemd can read it; else the error number.
    private func failure(of path: String) -> Int32? {
        guard access(path, R_OK) == 0 else { return errno }
        var journal: OpaquePointer?
        let result = path.withCString { name in
            var names: [UnsafePointer<CChar>?] = [name, nil]
            return sd_journal_open_files(&journal, &names, 0)
        }
        if let journal { sd_journal_close(journal) }
        return result < 0 ? -result : nil
    }

    /// Whether its header may be unwritten yet.
    private func isNew(_ path: String) -> Bool {
        var status = stat()
        guard stat(path, &status) == 0 else { return false }
        return time(nil) - status.st_mtim.tv_sec < 10
    }

    private func list() throws(JournalTrouble) -> [String] {
        guard let directory else {
            guard let machine = Self.machineID else { return [] }
            var found: [String] = []
            for root in Self.system { found += try journals(in: "\(root)/\(machine)") }
            return found
        }
        // As libsystemd does: the directory, and those in it that are named for a machine.
        var found = try journals(in: directory)
        for name in try names(in: directory) where Self.isMachineID(name) {
            found += try journals(in: "\(directory)/\(name)")
        }
        return found
    }

    private func journals(in directory: String) throws(JournalTrouble) -> [String] {
        try names(in: directory).filter { $0.hasSuffix(".journal") || $0.hasSuffix(".journal~") }.map {
            "\(directory)/\($0)"
        }
    }

    /// None, where it is not there.
    private func names(in path: String) throws(JournalTrouble) -> [String] {
        guard let directory = opendir(path) else {
            if errno == ENOENT || errno == ENOTDIR { return [] }
            throw trouble("opendir", path, errno)
        }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            names.append(
                withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                })
        }
        return names.sorted()
    }

    private static func isMachineID(_ name: String) -> Bool {
        name.utf8.count == 32 && name.allSatisfy { $0.isHexDigit }
    }

    private static var machineID: String? {
        var id = sd_id128_t()
        guard sd_id128_get_machine(&id) >= 0 else { return nil }
        let digits = Array("0123456789abcdef")
        return withUnsafeBytes(of: id.bytes) { bytes in
            String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
        }
    }
}
