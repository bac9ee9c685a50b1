import Yams

/// One value of the file with its variables filled in.
struct ScalarValue {
    let text: String
    let place: Place
    /// Whether it stood without quotes, or its variables decide what it is: then it may be a number or a truth value.
    let isPlain: Bool
    let holdsVariables: Bool

    /// What a plain value would be taken for, if not for text.
    enum Taken { case text, number, truth, nothing }

    var taken: Taken {
        guard isPlain else { return .text }
        switch text {
        case "", "~", "null", "Null", "NULL": return .nothing
        case "true", "True", "TRUE", "false", "False", "FALSE": return .truth
        default: return Double(text) != nil && text.utf8.contains { (0x30...0x39).contains($0) } ? .number : .text
        }
    }

    /// How an error calls it.
    var words: String {
        let text = text.count > 80 ? "\(text.prefix(80))…" : text
        return switch taken {
        case .nothing where !holdsVariables: "nothing"
        case .number: "the number `\(text)`"
        case .truth: "the truth value `\(text)`"
        case .text where !isPlain: "the text `\(text)`"
        case .text, .nothing: "`\(text)`"
        }
    }

    static func words(_ node: Node) -> String {
        switch node {
        case .mapping: "a mapping"
        case .sequence: "a list"
        case .scalar(let scalar): ScalarValue(scalar, text: scalar.string, holdsVariables: false).words
        case .alias: "an alias"
        }
    }

    init(_ scalar: Node.Scalar, text: String, holdsVariables: Bool) {
        self.text = text
        place = Place(scalar.mark)
        isPlain = holdsVariables || scalar.style == .plain || scalar.style == .any
        self.holdsVariables = holdsVariables
    }

    /// Whether the file has no value here: `key:` and nothing behind it.
    static func isNothing(_ node: Node) -> Bool {
        guard case .scalar(let scalar) = node else { return false }
        return ScalarValue(scalar, text: scalar.string, holdsVariables: false).taken == .nothing
    }
}
