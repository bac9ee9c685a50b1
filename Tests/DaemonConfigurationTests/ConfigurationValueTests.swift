import Testing

@testable import DaemonConfiguration

@Suite struct ConfigurationValueTests {
    @Test func `every value of a full file arrives`() throws {
        let text = """
            state_directory: /srv/opslogd
            inputs:
              - type: socket
                name: pipelines
                path: /run/x.sock
                mode: "0600"
                group: pipeline
                max_connections: 7
                max_line_bytes: 64KiB
              - type: file
                name: legacy.loader_1
                paths: ["/var/log/*.ndjson", /b]
                exclude: ["*.gz"]
                start_at: end
                max_line_bytes: 2048
                rotated: [/old/*]
                max_open_files: 12
            spool:
              max_bytes: 1TiB
              segment_bytes: 4MiB
              min_free: 0
              sync: {interval: 250ms}
              keep_delivered: {bytes: 0, age: 30d}
            database: {conninfo: "host=/run/postgresql dbname=market"}
            delivery:
              batch_events: 5
              batch_wait: 10ms
              connections: 1
              retry: {initial: 1s, max: 1h}
              stop_drain: 0s
              max_future: 2d
            telemetry: {listen: off}
            log: {level: debug, format: json}
            """
        var socket = SocketInputSettings(name: "pipelines")
        socket.path = "/run/x.sock"
        socket.mode = 0o600
        socket.group = "pipeline"
        socket.maxConnections = 7
        socket.maxLineBytes = 65_536
        var file = FileInputSettings(name: "legacy.loader_1", paths: ["/var/log/*.ndjson", "/b"])
        file.exclude = ["*.gz"]
        file.startAt = .end
        file.maxLineBytes = 2_048
        file.rotated = ["/old/*"]
        file.maxOpenFiles = 12
        var expected = DaemonSettings()
        expected.stateDirectory = "/srv/opslogd"
        expected.inputs = [.socket(socket), .file(file)]
        expected.spool.maxBytes = 1 << 40
        expected.spool.segmentBytes = 4 << 20
        expected.spool.minFreeBytes = 0
        expected.spool.sync = .interval(.milliseconds(250))
        expected.spool.keepDelivered.bytes = 0
        expected.spool.keepDelivered.age = .seconds(30 * 86_400)
        expected.database.conninfo = "host=/run/postgresql dbname=market"
        expected.delivery.batchEvents = 5
        expected.delivery.batchWait = .milliseconds(10)
        expected.delivery.retry.initial = .seconds(1)
        expected.delivery.retry.max = .seconds(3_600)
        expected.delivery.stopDrain = .zero
        expected.delivery.maxFuture = .seconds(2 * 86_400)
        expected.telemetry = .off
        expected.log.level = .debug
        expected.log.format = .json
        #expect(try ConfigurationFile.parse(text, file: "f").settings == expected)
    }

    @Test(arguments: [
        ("0s", 0), ("200ms", 200), ("5s", 5_000), ("10m", 600_000), ("1h", 3_600_000), ("30d", 2_592_000_000),
    ])
    func `a duration is a number with its unit`(_ text: String, _ milliseconds: Int) {
        #expect(Quantities.duration(text) == .milliseconds(milliseconds))
        #expect(Quantities.words(.milliseconds(milliseconds)) == text)
    }

    @Test(arguments: ["", "0", "5", "s", "1.5s", "-1s", "1 s", "1h30m", "5S", "1y", "9223372036854775807d", "٣s"])
    func `what is no duration is refused`(_ text: String) {
        #expect(Quantities.duration(text) == nil)
    }

    @Test(arguments: [("0", 0), ("1000", 1_000), ("64KiB", 65_536), ("1GiB", 1 << 30), ("3TiB", 3 << 40)])
    func `a size is bytes, or a number with its unit`(_ text: String, _ bytes: Int) {
        #expect(Quantities.size(text) == bytes)
        #expect(Quantities.words(bytes: bytes) == text)
    }

    @Test(arguments: [
        "", "KiB", "64KB", "64k", "1.5GiB", "-1", "1 GiB", "9223372036854775807KiB", "99999999999999999999",
    ])
    func `what is no size is refused`(_ text: String) {
        #expect(Quantities.size(text) == nil)
    }

    @Test(arguments: [
        ("127.0.0.1:9478", ListenAddress.tcp(host: "127.0.0.1", port: 9478)),
        ("localhost:0", .tcp(host: "localhost", port: 0)),
        ("[::1]:65535", .tcp(host: "::1", port: 65_535)),
        ("unix:/run/a.sock", .unix(path: "/run/a.sock")),
        ("off", .off),
    ])
    func `an address is read`(_ text: String, _ address: ListenAddress) {
        #expect(ListenAddress(text) == address)
    }

    @Test(arguments: [
        "", "on", "host", "host:", ":80", "host:65536", "host:-1", "host:+1", "::1:80", "unix:relative", "unix:/",
        "a b:1",
        "unix:/" + String(repeating: "x", count: 107),
    ])
    func `what is no address is refused`(_ text: String) {
        #expect(ListenAddress(text) == nil)
    }

    @Test func `the state directory's default is the one that systemd names`() throws {
        let named = ["STATE_DIRECTORY": "/var/lib/opslogd-a:/var/lib/b"]
        #expect(try ConfigurationFile.parse("", file: "f").settings.stateDirectory == "/var/lib/opslogd")
        #expect(
            try ConfigurationFile.parse("", file: "f", environment: named).settings.stateDirectory
                == "/var/lib/opslogd-a")
        let text = "state_directory: /x"
        #expect(try ConfigurationFile.parse(text, file: "f", environment: named).settings.stateDirectory == "/x")
    }
}

@Suite struct EnvironmentExpansionTests {
    static let environment = ["HOST": "db1", "EMPTY": "", "NESTED": "${HOST}"]

    @Test(arguments: [
        ("plain", "plain"), ("host=${HOST}", "host=db1"), ("${HOST}${HOST}", "db1db1"), ("${NONE:-db2}", "db2"),
        ("${EMPTY:-db2}", "db2"), ("${EMPTY}", ""), ("${HOST:-db2}", "db1"), ("${NONE:-}", ""), ("$$", "$"),
        ("$${HOST}", "${HOST}"), ("$HOST", "$HOST"), ("5$", "5$"), ("${NESTED}", "${HOST}"), ("${NONE:-a:-b}", "a:-b"),
    ])
    func `variables are filled in`(_ raw: String, _ expanded: String) throws {
        #expect(try EnvironmentExpansion.expand(raw, Self.environment).text == expanded)
    }

    @Test(arguments: [
        ("${NONE}", "the environment has no `NONE`; set it, or give a default: `${NONE:-default}`"),
        ("a ${HOST", "`${HOST` has no closing `}`; write `$$` for a plain `$`"),
        ("${}", "expected `${NAME}` or `${NAME:-default}`, found `${}`"),
        ("${1A}", "expected `${NAME}` or `${NAME:-default}`, found `${1A}`"),
        ("${A-b}", "expected `${NAME}` or `${NAME:-default}`, found `${A-b}`"),
    ])
    func `what cannot be filled in is told`(_ raw: String, _ message: String) {
        #expect(throws: EnvironmentExpansion.Failure(message: message)) {
            try EnvironmentExpansion.expand(raw, Self.environment)
        }
    }

    @Test func `a variable may hold a value of any type`() throws {
        let text = """
            inputs: [{type: file, name: "${N}", paths: ["/${N}/*"]}]
            delivery: {batch_events: "${ROWS}", stop_drain: "${DRAIN:-7s}"}
            database:
              embedded: ${EMBEDDED}
            """
        let environment = ["N": "5", "ROWS": "123", "EMBEDDED": "true"]
        let settings = try ConfigurationFile.parse(text, file: "f", environment: environment).settings
        #expect(settings.inputs == [.file(FileInputSettings(name: "5", paths: ["/5/*"]))])
        #expect(settings.delivery.batchEvents == 123)
        #expect(settings.delivery.stopDrain == .seconds(7))
        #expect(settings.database.embedded)
    }

    @Test func `an error names the value that the variable had`() {
        #expect(
            findings("delivery: {batch_events: \"${ROWS}\"}", ["ROWS": "no"]) == [
                "1:26: `delivery.batch_events`: expected a whole number from 1 to 1000000, found `no`"
            ])
    }
}
