import DaemonConfiguration
import OperationLogs
import Testing

private func allow(_ text: String) -> String { "inputs: [{type: socket, name: a, allow: \(text)}]" }

@Suite struct AllowTests {
    @Test(arguments: ["socket", "datagram"])
    func `entries are users and groups, with events or all of them`(_ type: String) throws {
        let text = """
            inputs:
              - type: \(type)
                name: a
                path: /x
                mode: "0622"
                group: staff
                allow:
                  - {user: etl, events: [cast_errors, pipeline_watermarks]}
                  - {group: pipeline}
                  - user: "1000"
                max_line_bytes: 2KiB
            """
        let entries = [
            PeerRule(.user("etl"), events: [.castErrors, .pipelineWatermarks]), PeerRule(.group("pipeline")),
            PeerRule(.user("1000")),
        ]
        switch try ConfigurationFile.parse(text, file: "f").settings.inputs.first {
        case .socket(let socket):
            #expect(type == "socket" && socket.allow == entries)
        case .datagram(let datagram):
            #expect(type == "datagram" && datagram.allow == entries)
            #expect(datagram.path == "/x" && datagram.mode == 0o622 && datagram.group == "staff")
            #expect(datagram.maxLineBytes == 2048)
        default: Issue.record("there is no such input")
        }
    }

    @Test func `absent means everybody`() throws {
        let settings = try ConfigurationFile.parse("inputs: [{type: socket, name: a}]", file: "f").settings
        #expect(settings.inputs == [.socket(SocketInputSettings(name: "a"))])
        #expect(SocketInputSettings(name: "a").allow == nil)
    }

    private static let mistakes: [Mistake] = [
        // Nothing that could be meant as "nobody" is taken for "everybody".
        Mistake(
            allow("[]"),
            """
            1:41: `inputs[0].allow`: expected at least one entry (without `allow`, whoever may open the socket may \
            send), found an empty list
            """),
        Mistake(
            "inputs:\n  - type: socket\n    name: a\n    allow:\n",
            """
            4:11: `inputs[0].allow`: expected a list, each `{user: NAME}` or `{group: NAME}`, with `events: [NAME]` or \
            without, found nothing
            """),
        Mistake(
            allow("etl"),
            """
            1:41: `inputs[0].allow`: expected a list, each `{user: NAME}` or `{group: NAME}`, with `events: [NAME]` or \
            without, found `etl`
            """),
        Mistake(
            allow("[etl]"),
            "1:42: `inputs[0].allow[0]`: expected `{user: NAME}` or `{group: NAME}`, found `etl`"),
        Mistake(allow("[{}]"), "1:42: `inputs[0].allow[0]`: expected `user` or `group`, found neither"),
        Mistake(
            allow("[{user: a, group: b}]"),
            "1:52: `inputs[0].allow[0]`: expected either `user` or `group`; make two entries of them, found both"),
        Mistake(
            allow("[{user: 1000}]"),
            "1:49: `inputs[0].allow[0].user`: expected the name of a user, in quotes, found the number `1000`"),
        Mistake(
            allow("[{group: \"\"}]"),
            "1:50: `inputs[0].allow[0].group`: expected the name of a group, found the text ``"),
        Mistake(
            allow("[{usr: a}]"),
            "1:42: `inputs[0].allow[0]`: expected `user` or `group`, found neither",
            "1:43: unknown key `usr` in `inputs[0].allow[0]`; did you mean `user`?"),
        Mistake(
            allow("[{user: a, events: []}]"),
            """
            1:60: `inputs[0].allow[0].events`: expected at least one event (without `events`, all of them), found an \
            empty list
            """),
        Mistake(
            allow("[{user: a, events: [cast_errors, ticks]}]"),
            """
            1:74: `inputs[0].allow[0].events[1]`: expected one of `data_quality_errors`, `dedup_conflicts`, \
            `authority_conflicts`, `cast_errors`, `upsert_failures`, `concurrency_issues`, `pipeline_watermarks`, \
            `backup_logs`, found `ticks`
            """),
        Mistake(
            "inputs:\n  - {type: socket, name: a, path: /x}\n  - {type: datagram, name: b, path: /x}",
            "3:37: `inputs[1].path`: the input in line 2 already listens on `/x`"),
    ]

    @Test(arguments: mistakes)
    func `a mistake is named with its place`(_ mistake: Mistake) {
        #expect(findings(mistake.text) == mistake.told)
    }

    /// A datagram input has no connections, and whoever appends to a file is not known.
    @Test(arguments: [
        "inputs:\n  - {type: datagram, name: a, max_connections: 5}",
        "inputs:\n  - {type: file, name: a, paths: [/x], allow: [{user: a}]}",
    ])
    func `a key of another type of input is unknown`(_ text: String) {
        let told = findings(text)
        #expect(told.count == 1 && told.first?.contains(": unknown key `") == true)
    }
}
