import Bookkeeping
import OperationLogs

extension BooksReport {
    /// What `status --json` has of the books: one JSON object, with the keys that the README documents.
    var json: String {
        var object = JSONObjectWriter()
        object.add("unaccounted_events", raw: closed == nil ? "\(unaccounted)" : "null")
        object.add("entered_up_to", raw: "\(enteredUpTo)")
        object.add("closed", text: closed)
        object.add("inputs", raw: "[" + inputs.map(\.json).joined(separator: ",") + "]")
        let named = EventKind.allCases.map { ($0.name, Int($0.rawValue)) } + [("dead_letters", 0)]
        let objects: [String] = named.map { name, index in crossings[index].json(name) }
        object.add("crossings", raw: "[" + objects.joined(separator: ",") + "]")
        return object.text
    }
}

extension BooksReport.Input {
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

extension BooksReport.Crossing {
    fileprivate func json(_ name: String) -> String {
        var object = JSONObjectWriter()
        object.add("to", text: name)
        object.add("due", raw: "\(due)")
        object.add("counted", raw: "\(counted)")
        object.add("found", raw: "\(found)")
        object.add("unaccounted", raw: "\(unaccounted)")
        return object.text
    }
}
