/// Keys and values that belong to the configuration's language and that this version does not act upon.
///
/// They are refused by name: neither taken for a typing mistake nor accepted without effect.
enum UnavailableKeys {
    /// By section; the top level is the empty name.
    static let keys: [String: Set<String>] = [
        "": ["retention"]
    ]

    static func message(_ what: String) -> String { "`\(what)` is not available in this version" }
}
