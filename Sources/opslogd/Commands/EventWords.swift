import OperationLogs

/// An event made of `key=value` words, as people type it.
enum EventWords {
    /// The line, with its end. Values are strings; those of INTEGER and JSONB columns stand as they were typed.
    static func line(_ kind: EventKind, _ words: some Sequence<String>) throws -> String {
        var object = JSONObjectWriter()
        object.add("event", text: kind.name)
        for word in words {
            guard let equals = word.firstIndex(of: "="), equals > word.startIndex else {
                throw CommandFailure(.usage, "'\(word)' is not key=value; see 'opslogd send --help'")
            }
            let key = String(word[..<equals])
            let value = String(word[word.index(after: equals)...])
            switch kind.columns.first(where: { $0.name == key })?.form {
            case .integer, .json: object.add(key, raw: value)
            default: object.add(key, text: value)
            }
        }
        return object.text + "\n"
    }
}
