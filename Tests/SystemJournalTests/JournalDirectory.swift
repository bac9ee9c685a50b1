import Glibc
import Instruments
import LinuxSystem
import OperationLogs
import Synchronization
import SystemJournal

@testable import Intake

/// A directory of journal files, written by systemd's own program from the journal export format.
final class JournalDirectory {
    static let boot = "0123456789abcdef0123456789abcdef"
    /// Debian's package systemd-journal-remote.
    private static let writer = "/usr/lib/systemd/systemd-journal-remote"

    let path: String
    private var time: UInt64 = 1_000_000

    init() {
        var template = Array("/tmp/opslogd-journal-XXXXXX".utf8CString)
        path = String(cString: mkdtemp(&template))
    }

    deinit {
        for name in (try? DirectoryListing.names(of: path))?.names ?? [] { unlink("\(path)/\(name)") }
        rmdir(path)
    }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    static func line(_ name: String) -> String { "{\"event\":\"cast_errors\",\"column_name\":\"\(name)\"}" }

    /// Appends entries to a file, as journald writes of lines that a unit printed; all of one time if `atOnce`.
    func write(
        _ messages: [String], to name: String, unit: String = "loader@a.service", atOnce: Bool = false,
        fields: [String: String] = [:]
    ) throws {
        var text = ""
        for (index, message) in messages.enumerated() {
            if !atOnce || index == 0 { time += 1000 }
            var all = [
                "__REALTIME_TIMESTAMP": "\(1_764_000_000_000_000 + time)", "__MONOTONIC_TIMESTAMP": "\(time)",
                "_BOOT_ID": Self.boot, "_TRANSPORT": "stdout", "_SYSTEMD_UNIT": unit, "MESSAGE": message,
                "_STREAM_ID": "5aa5", "_PID": "42", "_UID": "1000", "SYSLOG_IDENTIFIER": "loader",
            ]
            all.merge(fields) { $1 }
            // Those with two underscores come first.
            for (key, value) in all.sorted(by: { $0.key < $1.key }) { text += "\(key)=\(value)\n" }
            text += "\n"
        }
        let export = "\(path).export"
        let descriptor = open(export, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        let bytes = Array(text.utf8)
        guard descriptor >= 0, Glibc.write(descriptor, bytes, bytes.count) == bytes.count else {
            throw SystemError.last("write", export)
        }
        close(descriptor)
        defer { unlink(export) }
        let silence = open("/dev/null", O_WRONLY | O_CLOEXEC)
        let status = try ChildProcess.start(
            ChildProcess.Start(
                program: Self.writer, arguments: ["-o", file(name), export], environment: [:], directory: "/",
                output: Descriptor(owning: silence))
        ).wait()
        guard status == 0 else { throw SystemError(call: Self.writer, subject: file(name), code: status ?? 0) }
    }

    func remove(_ name: String) { unlink(file(name)) }
    func rename(_ old: String, _ new: String) { Glibc.rename(file(old), file(new)) }

    /// Overwrites a part of a file.
    func damage(_ name: String, at offset: Int, _ bytes: [UInt8]) {
        let descriptor = open(file(name), O_WRONLY | O_CLOEXEC)
        pwrite(descriptor, bytes, bytes.count, offset)
        close(descriptor)
    }

    func reader() -> SystemJournalReader { SystemJournalReader(directory: path, maxLineBytes: 4096) }
}

extension SystemJournalReader {
    /// The messages from where it stands to the end.
    mutating func messages() throws -> [String] {
        var found: [String] = []
        while try next() { found.append(try message()) }
        return found
    }

    mutating func message() throws -> String {
        try field(.message) { String(decoding: $0, as: UTF8.self) } ?? "-"
    }
}
