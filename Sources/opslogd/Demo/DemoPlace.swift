import Foundation
import Glibc
import LinuxSystem

/// The demo's directory, and what stands where in it.
struct DemoPlace {
    let path: String

    var state: String { path + "/state" }
    var socket: String { path + "/opslogd.sock" }
    var control: String { state + "/control.sock" }
    var configuration: String { path + "/opslogd.yaml" }
    var log: String { path + "/opslogd.log" }
    private var producerLog: String { path + "/logs/loader.ndjson" }

    /// Makes it below TMPDIR, or /tmp.
    init() throws {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/opslogd-demo-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw CommandFailure(describing: SystemError.last("mkdtemp", parent))
        }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // PostgreSQL's user must be able to enter it; it may not look around.
        guard chmod(path, 0o711) == 0, mkdir(path + "/logs", 0o755) == 0 else {
            throw CommandFailure(describing: SystemError.last("mkdir", path))
        }
    }

    func writeConfiguration(conninfo: String) throws {
        try write(
            """
            state_directory: \(state)
            inputs:
              - {type: socket, name: pipelines, path: \(socket), mode: "0600"}
              - {type: file, name: legacy-loader, paths: ["\(path)/logs/*.ndjson"]}
            spool: {max_bytes: 256MiB, segment_bytes: 16MiB, min_free: 0}
            database: {conninfo: "\(conninfo)"}
            telemetry: {listen: "off"}

            """, to: configuration)
    }

    func appendToLog(_ text: String) throws {
        try write(text, to: producerLog)
    }

    private func write(_ text: String, to path: String) throws {
        guard let file = fopen(path, "a") else { throw CommandFailure(describing: SystemError.last("open", path)) }
        defer { fclose(file) }
        guard fputs(text, file) >= 0 else { throw CommandFailure(describing: SystemError.last("write", path)) }
    }

    /// Removes the directory with all that is in it.
    func remove() {
        try? FileManager.default.removeItem(atPath: path)
    }
}
