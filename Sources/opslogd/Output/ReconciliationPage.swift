import Delivery
import OperationLogs
import Spool

extension Reconciliation {
    func print(_ style: Style = .output) {
        let kept = records.first.map { "records \($0.rawValue) to \(records.last.rawValue)" } ?? "no record"
        StandardOutput.line(
            style.bold("KEPT") + "  \(kept)"
                + (records.lost > 0
                    ? "; \(StatusPage.count(records.lost, "record")) lost in damaged places" : ""))
        var inputs = TextTable(
            ["INPUT", "RECORDS", "DELIVERED", "DEAD LETTERS", "IN THE SPOOL", "PASSED OVER", "UNACCOUNTED"],
            rightAligned: [1, 2, 3, 4, 5, 6])
        for (name, input) in records.inputs.sorted(by: { $0.key < $1.key }) {
            inputs.add(
                [name]
                    + [
                        input.records, input.delivered, input.deadLettered, input.inSpool, input.passedOver,
                        input.unaccounted,
                    ].map { Printable.count($0) })
        }
        inputs.print()
        StandardOutput.line("")
        printRun(style)
        StandardOutput.line("")
        var tables = TextTable(["TABLE", "SPOOL", "DATABASE"], rightAligned: [1, 2])
        for lane in EventKind.allCases {
            let position = standing.positions[lane]?.position.rawValue ?? 0
            tables.add([
                lane.name, Printable.count(position), databasePosition(lane).map { Printable.count($0) } ?? "?",
            ])
        }
        tables.print()
        StandardOutput.line("")
        for finding in findings { StandardOutput.line(style.red(Printable.text(finding))) }
        if case .notAsked(let why) = database {
            StandardOutput.line(style.red("the database could not be asked: \(Printable.text(why))"))
        } else if findings.isEmpty {
            StandardOutput.line(style.green("everything is accounted for"))
        }
    }

    private func printRun(_ style: Style) {
        guard let run else {
            return StandardOutput.line(
                "the daemon does not run: what it has read since a start is in no file, the rest is compared")
        }
        var table = TextTable(
            [
                "SINCE THE START", "READ", "CARRIED", "RETRIED", "RETURNED", "DELIVERED", "DEAD LETTERS", "OTHERWISE",
                "IN THE SPOOL", "UNACCOUNTED",
            ], rightAligned: Set(1...9))
        for input in run.inputs {
            table.add(
                [input.name]
                    + [
                        input.read, input.carried, input.retried, input.returned, input.delivered, input.deadLettered,
                        input.passedOver + input.lost + input.unseen, input.inSpool + input.underWay, input.unaccounted,
                    ].map { Printable.count($0) })
        }
        table.print()
    }

    /// nil where the database was not asked.
    private func databasePosition(_ lane: EventKind) -> UInt64? {
        isDatabaseCompared ? rows[lane]?.position.rawValue ?? 0 : nil
    }

    var json: String {
        var object = JSONObjectWriter()
        object.add("balanced", raw: findings.isEmpty ? "true" : "false")
        object.add("daemon", text: run == nil ? "stopped" : "running")
        if case .notAsked(let why) = database {
            object.add("database", text: "not_asked")
            object.add("database_error", text: why)
        } else {
            object.add("database", text: "compared")
            object.add("database_error", text: nil)
        }
        object.add("first_sequence", raw: records.first.map { "\($0.rawValue)" } ?? "null")
        object.add("last_sequence", raw: records.first == nil ? "null" : "\(records.last.rawValue)")
        object.add("settled_sequence", raw: "\(standing.settled.rawValue)")
        object.add("lost_records", raw: "\(records.lost)")
        object.add("inputs", raw: "[" + inputObjects.joined(separator: ",") + "]")
        let tables = EventKind.allCases.map { lane in
            var table = JSONObjectWriter()
            table.add("table", text: lane.name)
            table.add("spool_position", raw: "\(standing.positions[lane]?.position.rawValue ?? 0)")
            table.add("database_position", raw: databasePosition(lane).map { "\($0)" } ?? "null")
            return table.text
        }
        object.add("tables", raw: "[" + tables.joined(separator: ",") + "]")
        object.add("run_unaccounted_events", raw: run?.unaccounted.map { "\($0)" } ?? "null")
        object.add("run_inputs", raw: run.map { "[" + $0.inputs.map(\.json).joined(separator: ",") + "]" } ?? "null")
        object.add("findings", raw: "[" + findings.map(JSONObjectWriter.quoted).joined(separator: ",") + "]")
        return object.text
    }

    private var inputObjects: [String] {
        records.inputs.sorted { $0.key < $1.key }.map { name, input in
            var object = JSONObjectWriter()
            object.add("name", text: name)
            for (key, value) in [
                ("records", input.records), ("delivered", input.delivered), ("dead_lettered", input.deadLettered),
                ("in_spool", input.inSpool), ("passed_over", input.passedOver),
                ("not_in_database", input.notInDatabase), ("unaccounted", input.unaccounted),
            ] { object.add(key, raw: "\(value)") }
            return object.text
        }
    }
}

extension StatusPage.Books.Input {
    fileprivate var json: String {
        var object = JSONObjectWriter()
        object.add("name", text: name)
        for (key, value) in [
            ("read", read), ("carried", carried), ("retried", retried), ("returned", returned),
            ("delivered", delivered), ("dead_lettered", deadLettered), ("passed_over", passedOver), ("lost", lost),
            ("unseen", unseen), ("in_spool", inSpool), ("under_way", underWay), ("unaccounted", unaccounted),
        ] { object.add(key, raw: "\(value)") }
        return object.text
    }
}
