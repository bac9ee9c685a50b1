/// Puts variables of the environment in their places within one value.
///
/// `${NAME}` is the variable's value; `${NAME:-default}` is the default where the variable is unset or empty; `$$` is a
/// `$`. Any other `$` stands for itself. What was put in is not expanded again.
enum EnvironmentExpansion {
    struct Expanded: Hashable {
        var text: String
        /// Whether any variable stood there.
        var holdsVariables: Bool
    }

    /// A sentence on what is wrong.
    struct Failure: Error, Hashable {
        let message: String
    }

    static func expand(_ raw: String, _ environment: [String: String]) throws(Failure) -> Expanded {
        var result = Expanded(text: "", holdsVariables: false)
        var rest = raw[...]
        while let dollar = rest.firstIndex(of: "$") {
            result.text += rest[..<dollar]
            rest = rest[rest.index(after: dollar)...]
            switch rest.first {
            case "$":
                result.text += "$"
                rest = rest.dropFirst()
            case "{":
                guard let end = rest.firstIndex(of: "}") else {
                    throw Failure(message: "`$\(rest)` has no closing `}`; write `$$` for a plain `$`")
                }
                result.text += try value(of: rest[..<end].dropFirst(), environment)
                result.holdsVariables = true
                rest = rest[rest.index(after: end)...]
            default:
                result.text += "$"
            }
        }
        result.text += rest
        return result
    }

    private static func value(of inner: Substring, _ environment: [String: String]) throws(Failure) -> String {
        let name = inner.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
        let behind = inner[name.endIndex...]
        guard let first = name.first, !first.isNumber, behind.isEmpty || behind.hasPrefix(":-") else {
            throw Failure(message: "expected `${NAME}` or `${NAME:-default}`, found `${\(inner)}`")
        }
        let value = environment[String(name)]
        if behind.isEmpty {
            guard let value else {
                throw Failure(
                    message: "the environment has no `\(name)`; set it, or give a default: `${\(name):-default}`")
            }
            return value
        }
        guard let value, !value.isEmpty else { return String(behind.dropFirst(2)) }
        return value
    }
}
