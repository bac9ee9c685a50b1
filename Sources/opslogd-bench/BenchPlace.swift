import ArgumentParser
import Foundation
import Glibc
import LinuxSystem
import PostgreSQL
import PrivatePostgreSQL

/// A benchmark's directory, its server, and its daemon's configuration.
struct BenchPlace {
    let path: String
    let server: PrivateServer

    var state: String { path + "/state" }
    var log: String { path + "/opslogd.log" }
    var events: String { path + "/events.ndjson" }
    var socket: String { path + "/bench.sock" }
    private var configuration: String { path + "/opslogd.yaml" }

    init() throws {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/opslogd-bench-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError.last("mkdtemp", parent) }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard chmod(path, 0o711) == 0 else { throw SystemError.last("chmod", path) }
        server = try PrivateServer(directory: path + "/postgresql", settings: .benchmark)
    }

    /// Empty tables, an empty spool, and what was written so far out of the way.
    func makeFresh() throws {
        _ = try DirectQuery.rows("DROP SCHEMA IF EXISTS operation_logs CASCADE", conninfo: server.conninfo)
        _ = try Schema.apply(conninfo: server.conninfo)
        _ = try DirectQuery.rows("CHECKPOINT", conninfo: server.conninfo)
        Self.removeTree(state)
        sync()
    }

    /// Starts the daemon beside this program, with the event file (or an empty directory) as its input.
    ///
    /// - Parameter conninfo: how it reaches the server; nil: at once.
    func startDaemon(
        readingEvents: Bool, batchEvents: Int, connections: Int = 1, conninfo: String? = nil, processor: Int = -1
    ) throws -> DaemonProcess {
        guard let file = fopen(configuration, "w") else { throw SystemError.last("fopen", configuration) }
        fputs(
            """
            state_directory: \(state)
            inputs:
              - {type: socket, name: bench, path: \(socket), mode: "0600", max_connections: 10000}
              - {type: file, name: events, paths: ["\(readingEvents ? events : path + "/none/*.ndjson")"]}
            spool: {min_free: 0}
            delivery: {batch_events: \(batchEvents), connections: \(connections)}
            database: {conninfo: "\(conninfo ?? server.conninfo)"}
            telemetry: {listen: "off"}

            """, file)
        fclose(file)
        return try DaemonProcess(
            binary: Self.daemonBinary(), configuration: configuration, log: log, processor: processor)
    }

    func remove() {
        server.stop(.immediate)
        Self.removeTree(path)
    }

    /// `opslogd` as it was built beside this program.
    private static func daemonBinary() throws -> String {
        var path = [CChar](repeating: 0, count: 4096)
        let length = readlink("/proc/self/exe", &path, path.count)
        let own = String(decoding: path.prefix(max(length, 0)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let beside =
            own.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/") + "/opslogd"
        guard access(beside, X_OK) == 0 else {
            throw ValidationError("\(beside) is not there; run 'swift build -c release' first")
        }
        return beside
    }

    private static func removeTree(_ path: String) {
        try? FileManager.default.removeItem(atPath: path)
    }
}
