import DaemonConfiguration
import Testing

/// What a text is told, each line without the name of the file.
func findings(_ text: String, _ environment: [String: String] = [:]) -> [String] {
    do {
        _ = try ConfigurationFile.parse(text, file: "f", environment: environment)
        return []
    } catch {
        return error.lines.map { String($0.dropFirst("f:".count)) }
    }
}

struct Mistake: Sendable, CustomTestStringConvertible {
    let text: String
    let told: [String]

    init(_ text: String, _ told: String...) {
        self.text = text
        self.told = told
    }

    var testDescription: String { text }
}

@Suite struct ConfigurationErrorTests {
    static let keys: [Mistake] = [
        Mistake("spol: {}", "1:1: unknown key `spol`; did you mean `spool`?"),
        Mistake("spool:\n  max-bytes: 1GiB", "2:3: unknown key `max-bytes` in `spool`; did you mean `max_bytes`?"),
        Mistake(
            "telemetry: {port: 9478}", "1:13: unknown key `port` in `telemetry`; known are `listen`"),
        Mistake(
            "delivery: {retry: {intial: 1s}}", "1:20: unknown key `intial` in `delivery.retry`; did you mean `initial`?"
        ),
        Mistake("[a]: 1", "1:1: expected a key, found a list"),
        Mistake(
            "log:\n  level: info\n  format: text\n  level: debug",
            "4:3: `level` stands a second time in one mapping, first in line 2; keep one"),
        Mistake(
            "log: {level: info, format: text, level: debug}",
            "1:34: `level` stands a second time in one mapping, first in line 1; keep one"),
        Mistake(
            "log: {}\ntelemetry: {}\nlog: {}\nlog: {}\ntelemetry: {}\nspool: {sync: x}",
            "3:1: `log` stands a second time in one mapping, first in line 1; keep one",
            "4:1: `log` stands a second time in one mapping, first in line 1; keep one",
            "5:1: `telemetry` stands a second time in one mapping, first in line 2; keep one",
            "6:15: `spool.sync`: expected `group` or `{interval: 100ms}`, found `x`"),
        Mistake("\"log\": {}\n\"log\": {}", "1:1: `log` stands more than once in one mapping; keep one"),
    ]

    static let types: [Mistake] = [
        Mistake("- a", "1:1: expected a mapping of keys such as `inputs:`, found a list"),
        Mistake("hello", "1:1: expected a mapping of keys such as `inputs:`, found `hello`"),
        Mistake("state_directory: [a]", "1:18: `state_directory`: expected an absolute path, found a list"),
        Mistake("state_directory: state", "1:18: `state_directory`: expected an absolute path, found `state`"),
        Mistake(
            "state_directory: 5", "1:18: `state_directory`: expected an absolute path, in quotes, found the number `5`"),
        Mistake("state_directory:", "1:17: `state_directory`: expected an absolute path, found nothing"),
        Mistake("spool: 5GiB", "1:8: `spool`: expected a mapping of keys, found `5GiB`"),
        Mistake(
            "spool: {max_bytes: 5GB}",
            "1:20: `spool.max_bytes`: expected a size such as `65536`, `64KiB`, `64MiB` or `1GiB`, found `5GB`"),
        Mistake(
            "spool: {min_free: -1}",
            "1:19: `spool.min_free`: expected a size such as `65536`, `64KiB`, `64MiB` or `1GiB`, found the number `-1`"
        ),
        Mistake(
            "delivery: {stop_drain: 5}",
            """
            1:24: `delivery.stop_drain`: expected a duration such as `200ms`, `5s`, `10m`, `1h` or `30d`, \
            found the number `5`
            """),
        Mistake(
            "delivery: {batch_events: many}",
            "1:26: `delivery.batch_events`: expected a whole number from 1 to 1000000, found `many`"),
        Mistake(
            "delivery: {batch_events: \"5\"}",
            "1:26: `delivery.batch_events`: expected a whole number from 1 to 1000000, found the text `5`"),
        Mistake(
            "delivery: {batch_events: 5.5}",
            "1:26: `delivery.batch_events`: expected a whole number from 1 to 1000000, found the number `5.5`"),
        Mistake("database: {embedded: yes}", "1:22: `database.embedded`: expected `true` or `false`, found `yes`"),
        Mistake(
            "database: {conninfo: true}",
            "1:22: `database.conninfo`: expected a connection string of libpq, in quotes, found the truth value `true`"),
        Mistake(
            "log: {level: verbose}",
            "1:14: `log.level`: expected `debug`, `info`, `notice`, `warning` or `error`, found `verbose`"),
        Mistake(
            "telemetry: {listen: 9478}",
            "1:21: `telemetry.listen`: expected `HOST:PORT`, `[IPV6]:PORT`, `unix:/PATH` or `off`, in quotes, found the number `9478`"
        ),
        Mistake(
            "telemetry: {listen: localhost}",
            "1:21: `telemetry.listen`: expected `HOST:PORT`, `[IPV6]:PORT`, `unix:/PATH` or `off`, found `localhost`"),
        Mistake("inputs: {type: socket}", "1:9: `inputs`: expected a list of inputs, found a mapping"),
        Mistake("inputs: [socket]", "1:10: `inputs[0]`: expected an input with `type` and `name`, found `socket`"),
    ]

    static let syntax: [Mistake] = [
        Mistake(
            "log: {level: info",
            "2:1: YAML: did not find expected ',' or '}' (while parsing a flow mapping in line 1, column 6)"),
        Mistake("a: b: c", "1:5: YAML: mapping values are not allowed in this context"),
        Mistake(
            "log: {}\n\tspool: {}",
            """
            2:1: YAML: found character that cannot start any token (while scanning for the next token in line 2, \
            column 1); indent with spaces, and put a value that begins with a sign of YAML in quotes
            """),
        Mistake(
            "inputs:\n  - {type: file, name: a, paths: [*.log]}",
            """
            2:36: YAML: did not find expected alphabetic or numeric character (while scanning an alias in line 2, \
            column 35); a value that begins with `*` or `&` must stand in quotes
            """),
        Mistake(
            "state_directory: *here",
            "1:18: YAML: found undefined alias; a value that begins with `*` must stand in quotes"),
        Mistake(
            "log: {}\n---\nspool: {}",
            "2:1: expected one document, found a second one; `---` may stand at the start only"),
    ]

    static let inputs: [Mistake] = [
        Mistake(
            "inputs:\n  - {name: a}",
            "2:5: `inputs[0].type` is missing: expected `socket`, `datagram`, `file` or `journal`"),
        Mistake(
            "inputs:\n  - {type: pipe, name: a}",
            "2:12: `inputs[0].type`: expected `socket`, `datagram`, `file` or `journal`, found `pipe`"),
        Mistake(
            "inputs:\n  - {type: socket}",
            "2:5: `inputs[0].name` is missing: expected 1 to 64 letters, digits, `-`, `_` or `.`"),
        Mistake(
            "inputs:\n  - {type: socket, name: a b}",
            "2:26: `inputs[0].name`: expected 1 to 64 letters, digits, `-`, `_` or `.`, found `a b`"),
        Mistake(
            "inputs:\n  - {type: file, name: a}",
            "2:5: `inputs[0].paths` is missing: expected a list, each an absolute path or glob pattern"),
        Mistake(
            "inputs:\n  - {type: file, name: a, paths: []}",
            "2:34: `inputs[0].paths`: expected at least one path, found an empty list"),
        Mistake(
            "inputs:\n  - {type: file, name: a, paths: /x}",
            "2:34: `inputs[0].paths`: expected a list, each an absolute path or glob pattern, found `/x`"),
        Mistake(
            "inputs:\n  - {type: file, name: a, paths: [/x, y]}",
            "2:39: `inputs[0].paths[1]`: expected an absolute path or glob pattern, found `y`"),
        Mistake(
            "inputs:\n  - {type: file, name: a, paths: [/x], start_at: middle}",
            "2:50: `inputs[0].start_at`: expected `beginning` or `end`, found `middle`"),
        Mistake(
            "inputs:\n  - type: socket\n    name: a\n  - type: file\n    name: a\n    paths: [/x]",
            "5:11: `inputs[1].name`: the input in line 3 is already named `a`"),
        Mistake(
            "inputs:\n  - {type: socket, name: a, path: /x}\n  - {type: socket, name: b, path: /x}",
            "3:35: `inputs[1].path`: the input in line 2 already listens on `/x`"),
        Mistake(
            "inputs:\n  - {type: socket, name: a, mode: 0660}",
            "2:35: `inputs[0].mode`: expected permissions in octal such as \"0660\", in quotes, found the number `0660`"
        ),
        Mistake(
            "inputs:\n  - {type: socket, name: a, mode: \"0888\"}",
            "2:35: `inputs[0].mode`: expected permissions in octal such as \"0660\", found the text `0888`"),
        Mistake(
            "inputs:\n  - {type: socket, name: a, path: sock}",
            "2:35: `inputs[0].path`: expected an absolute path of at most 107 bytes, found `sock`"),
        Mistake(
            "inputs:\n  - {type: socket, name: a, max_line_bytes: 17MiB}",
            "2:45: `inputs[0].max_line_bytes`: expected 1KiB to 16MiB, found `17MiB`"),
        Mistake(
            "inputs:\n  - {type: socket, name: a, max_connections: 0}",
            "2:46: `inputs[0].max_connections`: expected a whole number from 1 to 65536, found the number `0`"),
    ]

    static let mappings: [Mistake] = [
        mapping("event: cast_error", "12: `inputs[0].event`: `cast_error` is no event; did you mean `cast_errors`?"),
        mapping("event_key: \"\"", "16: `inputs[0].event_key`: expected a key of the lines, found the text ``"),
        mapping(
            "event_key: 5", "16: `inputs[0].event_key`: expected a key of the lines, in quotes, found the number `5`"),
        mapping(
            "event_map: {A: cast_errors, B: backup_log}",
            "36: `inputs[0].event_map.B`: `backup_log` is no event; did you mean `backup_logs`?"),
        mapping("event_map: [a]", "16: `inputs[0].event_map`: expected a mapping of keys, found a list"),
        mapping("fields: {symbl: a}", "14: unknown key `symbl` in `inputs[0].fields`; did you mean `symbol`?"),
        mapping(
            "fields: {symbol: ''}", "22: `inputs[0].fields.symbol`: expected the key in the lines, found the text ``"),
        mapping(
            "fields: {symbol: ts}",
            "22: `inputs[0].fields.symbol`: `ts` would be both symbol and ts of data_quality_errors"),
        mapping("fields: {symbol: event}", "22: `inputs[0].fields.symbol`: `event` is the key that names the event"),
        mapping("unknown_fields: drop", "21: `inputs[0].unknown_fields`: expected `reject` or `ignore`, found `drop`"),
        mapping("epoch: sec", "12: `inputs[0].epoch`: expected `s`, `ms`, `us` or `ns`, found `sec`"),
    ]
    /// Of a zone that there is not, and of a name that would lead elsewhere.
    static let zones: [Mistake] = ["Mars/Olympus", "../../etc/passwd", "/etc/localtime", "Europe", "."].map {
        mapping(
            "timezone: \"\($0)\"",
            "15: `inputs[0].timezone`: the system knows no time zone `\($0)`; /usr/share/zoneinfo holds those that it knows"
        )
    }

    private static func mapping(_ key: String, _ told: String) -> Mistake {
        Mistake("inputs:\n  - type: file\n    name: a\n    paths: [/a]\n    \(key)", "5:\(told)")
    }

    static let unavailable: [Mistake] = [
        Mistake(
            "delivery: {connections: 9}",
            "1:25: `delivery.connections`: expected a whole number from 1 to 8, found the number `9`"),
        Mistake("dead_letters: {table: yes}", "1:23: `dead_letters.table`: expected `true` or `false`, found `yes`"),
        Mistake("retention: {keep: 1d}", "1:1: `retention` is not available in this version"),
    ]

    static let combinations: [Mistake] = [
        Mistake(
            "inputs: [{type: socket, name: a, max_line_bytes: 2MiB}]\nspool: {segment_bytes: 4MiB}",
            "2:24: `spool.segment_bytes`: expected at least four times the `max_line_bytes` of input `a`, 8MiB, found 4MiB"
        ),
        Mistake(
            "spool: {segment_bytes: 3MiB}", "1:24: `spool.segment_bytes`: expected 4MiB to 4GiB, found `3MiB`"),
        Mistake(
            "spool: {max_bytes: 100MiB}",
            "1:20: `spool.max_bytes`: expected at least two segments of `segment_bytes`, 128MiB, found 100MiB"),
        Mistake(
            "dead_letters: {max_bytes: 1KiB}",
            "1:27: `dead_letters.max_bytes`: expected at least 1MiB, found `1KiB`"),
        Mistake(
            "dead_letters: {max_age: 1s}", "1:25: `dead_letters.max_age`: expected 1m to 3650d, found `1s`"),
        Mistake(
            "dead_letters: {when_full: drop}",
            "1:27: `dead_letters.when_full`: expected `wait` or `drop_oldest`, found `drop`"),
        Mistake(
            "delivery: {retry: {initial: 1m}}", "1:29: `delivery.retry.initial`: expected at most `max`, 30s, found 1m"),
        Mistake(
            "delivery: {retry: {max: 50ms}}",
            "1:25: `delivery.retry.initial`: expected at most `max`, 50ms, found 100ms"),
        Mistake(
            "database: {embedded: true, conninfo: host=x}",
            "1:38: `database.conninfo`: expected none beside `embedded: true`, which has a database of its own"),
        Mistake("spool: {sync: {interval: 11s}}", "1:26: `spool.sync.interval`: expected 1ms to 10s, found `11s`"),
        Mistake(
            "spool: {sync: {}}", "1:15: `spool.sync`: expected `group` or `{interval: 100ms}`, found no `interval`"),
    ]

    @Test(arguments: keys + types + syntax + inputs + mappings + zones + unavailable + combinations)
    func `a mistake is told with its place, what was expected and what was found`(_ mistake: Mistake) {
        #expect(findings(mistake.text) == mistake.told)
    }

    @Test func `all mistakes are told at once, by place`() {
        let text = """
            log: {format: xml}
            telemetry: {listen: "${NOWHERE}"}
            spool:
              sinc: group
              max_bytes: lots
            """
        #expect(
            findings(text) == [
                "1:15: `log.format`: expected `text` or `json`, found `xml`",
                "2:21: `telemetry.listen`: the environment has no `NOWHERE`; set it, or give a default: `${NOWHERE:-default}`",
                "4:3: unknown key `sinc` in `spool`; did you mean `sync`?",
                "5:14: `spool.max_bytes`: expected a size such as `65536`, `64KiB`, `64MiB` or `1GiB`, found `lots`",
            ])
    }

    @Test func `columns count characters, not bytes`() {
        #expect(
            findings("log: {\"ü\": 1, lefel: info}").last == "1:15: unknown key `lefel` in `log`; did you mean `level`?"
        )
    }

    @Test func `what is found is shown on one line, and not without end`() {
        #expect(
            findings("log: {format: \"a\\n\\e[1m\\u202E\"}")
                == [#"1:15: `log.format`: expected `text` or `json`, found the text `a\u{a}\u{1b}[1m\u{202e}`"#])
        let long = findings("log: {format: \(String(repeating: "x", count: 500))}")
        #expect(
            long == ["1:15: `log.format`: expected `text` or `json`, found `\(String(repeating: "x", count: 80))…`"])
    }

    @Test func `an empty file has all defaults and is refused only by a daemon`() throws {
        for text in ["", "# nothing\n", "---\n", "inputs: []", "inputs:"] {
            let loaded = try ConfigurationFile.parse(text, file: "f")
            #expect(loaded.settings == DaemonSettings())
            do {
                try loaded.requireInputs()
                Issue.record("no input was demanded of \(text)")
            } catch {
                #expect(error.lines.first?.hasSuffix(": `inputs`: at least one is needed, found none") == true)
            }
        }
    }

    @Test func `deep nesting is an error and not a crash`() {
        let told = findings(String(repeating: "[", count: 100_000))
        #expect(told.count == 1)
        #expect(told.first?.contains("YAML: ") == true)
    }
}
