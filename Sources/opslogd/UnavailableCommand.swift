/// Commands that people may know from the documentation of later versions: refused by name, not as a misspelling.
enum UnavailableCommand {
    private static let names: Set<String> = ["top", "retention", "delivery"]
    private static let nested: [String: Set<String>] = [
        "spool": ["accept-gap"]
    ]

    static func refuse(_ arguments: [String]) throws {
        guard arguments.count > 1 else { return }
        let first = arguments[1]
        if names.contains(first) {
            throw CommandFailure(.usage, "'opslogd \(first)' is not available in this version; see 'opslogd --help'")
        }
        if first == "schema", arguments.contains("--partitioned") {
            throw CommandFailure(
                .usage, "'--partitioned' is not available in this version; see 'opslogd schema --help'")
        }
        if arguments.count > 2, nested[first]?.contains(arguments[2]) == true {
            throw CommandFailure(
                .usage,
                "'opslogd \(first) \(arguments[2])' is not available in this version; see 'opslogd \(first) --help'")
        }
    }
}
