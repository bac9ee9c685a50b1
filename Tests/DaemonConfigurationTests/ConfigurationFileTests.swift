import Glibc
import Testing

@testable import DaemonConfiguration

/// A file that is gone with its last reference.
final class TemporaryFile {
    let directory: String
    var path: String { directory + "/opslogd.yaml" }

    init(_ bytes: [UInt8], mode: mode_t = 0o600) throws {
        var template = Array("/tmp/opslogd-configuration.XXXXXX".utf8CString)
        directory = try #require(mkdtemp(&template).map { String(cString: $0) })
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        try #require(write(descriptor, bytes, bytes.count) == bytes.count)
        try #require(fchmod(descriptor, mode) == 0)
    }

    deinit {
        unlink(path)
        rmdir(directory)
    }
}

@Suite struct ConfigurationFileTests {
    @Test func `a missing file is told with its errno`() {
        #expect(throws: ConfigurationError.unreadable(file: "/nowhere/opslogd.yaml", code: ENOENT)) {
            try ConfigurationFile.load("/nowhere/opslogd.yaml", environment: [:])
        }
        #expect(
            "\(ConfigurationError.unreadable(file: "/nowhere/x", code: ENOENT))"
                == "/nowhere/x: there is no such file; write one, or name another with --config")
    }

    @Test func `a directory is no file`() {
        #expect(throws: ConfigurationError.unreadable(file: "/tmp", code: EISDIR)) {
            try ConfigurationFile.load("/tmp", environment: [:])
        }
    }

    @Test func `a file that is far too large is refused`() throws {
        let file = try TemporaryFile(Array(repeating: 0x20, count: ConfigurationFile.mostBytes + 1))
        #expect(throws: ConfigurationError.unreadable(file: file.path, code: EFBIG)) {
            try ConfigurationFile.load(file.path, environment: [:])
        }
    }

    @Test func `bytes that are not UTF-8 have a place`() throws {
        let file = try TemporaryFile(Array("# one\nlog: {level: ü".utf8) + [0xC3, 0x28] + Array("}".utf8))
        do {
            _ = try ConfigurationFile.load(file.path, environment: [:])
            Issue.record("it was taken")
        } catch {
            #expect(error.lines == ["\(file.path):2:15: expected UTF-8, found other bytes in this line"])
        }
    }

    @Test(
        arguments: [
            ("host=x password=geheim", 0o644, true), ("host=x password = 'geheim'", 0o604, true),
            ("postgresql://etl:geheim@db/market", 0o644, true), ("host=x password=geheim", 0o640, false),
            ("host=x", 0o644, false), ("postgresql://etl@db:5432/market", 0o644, false),
            ("host=x password=${PASSWORD}", 0o644, false), ("postgresql://etl:${PASSWORD}@db/market", 0o644, false),
        ] as [(String, mode_t, Bool)])
    func `a password that others can read is warned of, and not shown`(
        _ conninfo: String, _ mode: mode_t, _ isWarned: Bool
    ) throws {
        let file = try TemporaryFile(Array("database:\n  conninfo: \"\(conninfo)\"\n".utf8), mode: mode)
        let loaded = try ConfigurationFile.load(file.path, environment: ["PASSWORD": "p"])
        let warning = """
            \(file.path):2:13: `database.conninfo` holds a password, and everybody on this machine can read the file; \
            `chmod o-r` it, or use .pgpass or a service file
            """
        #expect(loaded.warnings.map(\.description) == (isWarned ? [warning] : []))
    }
}

@Suite struct ExampleConfigurationTests {
    private static let path: String = {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        return "/\(root)/examples/opslogd.yaml"
    }()

    private static func text() throws -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = read(descriptor, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }

    @Test func `what the example writes is what holds without it`() throws {
        let loaded = try ConfigurationFile.parse(Self.text(), file: "opslogd.yaml")
        var expected = DaemonSettings()
        expected.inputs = [
            .socket(SocketInputSettings(name: "pipelines")),
            .datagram(DatagramInputSettings(name: "lone-lines")),
            .file(FileInputSettings(name: "legacy-loader", paths: ["/var/log/loader/*.ndjson"])),
        ]
        #expect(loaded.settings == expected)
        #expect(loaded.warnings.isEmpty)
        try loaded.requireInputs()
    }

    /// The reader lists all keys of a section where it meets one that is like none of them.
    @Test(arguments: [
        "wwwwww: 1", "spool: {wwwwww: 1}", "spool: {keep_delivered: {wwwwww: 1}}", "database: {wwwwww: 1}",
        "delivery: {wwwwww: 1}", "delivery: {retry: {wwwwww: 1}}", "telemetry: {wwwwww: 1}", "log: {wwwwww: 1}",
        "inputs: [{type: socket, name: a, wwwwww: 1}]", "inputs: [{type: datagram, name: a, wwwwww: 1}]",
        "inputs: [{type: socket, name: a, allow: [{user: a, wwwwww: 1}]}]",
        "inputs: [{type: file, name: a, paths: [/a], wwwwww: 1}]",
    ])
    func `the example names every key`(_ probe: String) throws {
        let example = try Self.text()
        let told = try #require(findings(probe).first)
        let keys = try #require(told.split(separator: "known are ").last).split(separator: ", ").map {
            $0.dropFirst().dropLast()
        }
        #expect(!keys.isEmpty)
        for key in keys { #expect(example.contains("\(key): ") || example.contains("\(key):\n"), "\(key)") }
    }
}
