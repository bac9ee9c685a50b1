/// Commands that people may know from the documentation of later versions: refused by name, not as a misspelling.
enum UnavailableCommand {
    private static let names: Set<String> = ["top", "retention"]

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
    }
}
