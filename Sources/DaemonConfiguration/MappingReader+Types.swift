import Yams

extension MappingReader {
    /// Text. A plain number or truth value is refused, since YAML would have changed it on the way.
    mutating func text(_ key: String, expected: String = "text", where fits: (String) -> Bool = { _ in true })
        -> String?
    {
        guard let node = node(key) else { return nil }
        return text(node, name(key), expected: expected, where: fits)
    }

    /// A list of texts.
    mutating func texts(_ key: String, expected: String, where fits: (String) -> Bool = { _ in true }) -> [String]? {
        guard let node = node(key) else { return nil }
        guard case .sequence(let sequence) = node else {
            refuse(name(key), Place(node.mark), expected: "a list, each \(expected)", found: ScalarValue.words(node))
            return nil
        }
        return sequence.enumerated().compactMap { index, element in
            text(element, "\(name(key))[\(index)]", expected: expected, where: fits)
        }
    }

    private func text(_ node: Node, _ name: String, expected: String, where fits: (String) -> Bool) -> String? {
        guard let value = scalar(node, name, expected: expected) else { return nil }
        guard value.taken == .text || value.holdsVariables else {
            refuse(name, value.place, expected: "\(expected), in quotes", found: value.words)
            return nil
        }
        guard fits(value.text) else {
            refuse(name, value.place, expected: expected, found: value.words)
            return nil
        }
        return value.text
    }

    mutating func flag(_ key: String, default usual: Bool) -> Bool {
        let expected = "`true` or `false`"
        guard let value = scalar(key, expected: expected) else { return usual }
        guard value.taken == .truth else {
            refuse(name(key), value.place, expected: expected, found: value.words)
            return usual
        }
        return value.text.lowercased() == "true"
    }

    mutating func count(_ key: String, in range: ClosedRange<Int>, default usual: Int) -> Int {
        let expected = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        guard let value = scalar(key, expected: expected) else { return usual }
        guard value.isPlain, let count = Int(value.text), range.contains(count) else {
            refuse(name(key), value.place, expected: expected, found: value.words)
            return usual
        }
        return count
    }

    mutating func size(_ key: String, in range: ClosedRange<Int>, default usual: Int) -> Int {
        guard let value = scalar(key, expected: Quantities.sizeExample) else { return usual }
        guard let size = Quantities.size(value.text) else {
            refuse(name(key), value.place, expected: Quantities.sizeExample, found: value.words)
            return usual
        }
        guard range.contains(size) else {
            let expected =
                range.upperBound == .max
                ? "at least \(Quantities.words(bytes: range.lowerBound))"
                : "\(Quantities.words(bytes: range.lowerBound)) to \(Quantities.words(bytes: range.upperBound))"
            refuse(name(key), value.place, expected: expected, found: value.words)
            return usual
        }
        return size
    }

    mutating func duration(_ key: String, in range: ClosedRange<Duration>, default usual: Duration) -> Duration {
        guard let value = scalar(key, expected: Quantities.durationExample) else { return usual }
        guard let duration = Quantities.duration(value.text) else {
            refuse(name(key), value.place, expected: Quantities.durationExample, found: value.words)
            return usual
        }
        guard range.contains(duration) else {
            refuse(
                name(key), value.place,
                expected: "\(Quantities.words(range.lowerBound)) to \(Quantities.words(range.upperBound))",
                found: value.words)
            return usual
        }
        return duration
    }

    mutating func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ key: String, default usual: Choice
    ) -> Choice {
        let names = Choice.allCases.map { "`\($0.rawValue)`" }
        let expected = "\(names.dropLast().joined(separator: ", ")) or \(names.last ?? "")"
        guard let value = scalar(key, expected: expected) else { return usual }
        guard let choice = Choice(rawValue: value.text) else {
            refuse(name(key), value.place, expected: expected, found: value.words)
            return usual
        }
        return choice
    }
}

extension MappingReader {
    /// Whether the key holds a list without elements.
    func isEmptyList(_ key: String) -> Bool {
        guard case .sequence(let sequence)? = value(key) else { return false }
        return sequence.isEmpty
    }
}
