import DaemonConfiguration
import OperationLogs
import Testing

/// The keys of `type: journal`.
@Suite struct JournalInputTests {
    private func told(_ input: String) -> [String] { findings("inputs:\n  - {type: journal, \(input)}") }

    @Test func `every key has its place, and what is left out its default`() throws {
        let text = """
            inputs:
              - {type: journal, name: units, units: ["loader@*.service"]}
              - type: journal
                name: all
                units: [loader, "a?.service"]
                identifiers: ["python*"]
                directory: /srv/journal
                start_at: end
                max_line_bytes: 64KiB
                event: cast_errors
                fields: {symbol: sym}
            """
        let inputs = try ConfigurationFile.parse(text, file: "f").settings.inputs
        var plain = JournalInputSettings(name: "units")
        plain.units = ["loader@*.service"]
        var full = JournalInputSettings(name: "all")
        full.units = ["loader", "a?.service"]
        full.identifiers = ["python*"]
        full.directory = "/srv/journal"
        full.startAt = .end
        full.maxLineBytes = 64 << 10
        full.mapping.event = .castErrors
        full.mapping.fields = ["symbol": "sym"]
        #expect(inputs == [.journal(plain), .journal(full)])
        #expect(inputs.map(\.name) == ["units", "all"])
        #expect(plain.startAt == .beginning && plain.directory == nil && plain.maxLineBytes == 1 << 20)
    }

    @Test func `identifiers alone are enough, nothing at all is not`() {
        #expect(told("name: a, identifiers: [x]").isEmpty)
        #expect(
            told("name: a") == [
                "2:5: `inputs[0].units` is missing: expected a list, each the name of a unit or a glob pattern, such as "
                    + "\"loader@*.service\"; or `identifiers`, to take what they print in whatever unit"
            ])
    }

    @Test(arguments: [
        ("units: []", "`inputs[0].units`: expected at least one element, found an empty list"),
        ("units: loader", "`inputs[0].units`: expected a list, each the name of a unit or a glob pattern, such as"),
        ("units: [a], directory: srv", "`inputs[0].directory`: expected an absolute path, found `srv`"),
        ("units: [a], start_at: now", "`inputs[0].start_at`: expected `beginning` or `end`, found `now`"),
        ("units: [a], paths: [/a]", "unknown key `paths` in `inputs[0]`"),
        ("unit: [a], identifiers: [b]", "unknown key `unit` in `inputs[0]`; did you mean `units`?"),
    ])
    func `a mistake is told`(_ text: String, _ words: String) {
        let found = told("name: a, \(text)")
        #expect(found.count == 1 && found[0].contains(words), "\(found)")
    }
}
