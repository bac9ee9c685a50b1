import Yams

/// Takes the values of one mapping by key and type, and tells of every one that does not fit.
///
/// A value that does not fit is answered with the default, so that reading goes on. `finish` tells of the keys that
/// nobody asked for.
struct MappingReader {
    /// How errors call it: `spool`, `inputs[0]`; empty at the top.
    let path: String
    /// Its section in the table of unavailable keys.
    let section: String
    let place: Place
    let findings: FindingCollector
    private var entries: [(key: String, place: Place, value: Node)] = []
    private var known: [String] = []

    init(_ mapping: Node.Mapping, path: String, section: String, _ findings: FindingCollector) {
        self.path = path
        self.section = section
        self.findings = findings
        place = Place(mapping.mark)
        for (key, value) in mapping {
            let keyPlace = Place(key.mark)
            if case .scalar(let scalar) = key {
                entries.append((scalar.string, keyPlace, value))
            } else {
                findings.error(keyPlace, "expected a key, found \(ScalarValue.words(key))")
            }
        }
    }

    /// A mapping of which the file holds nothing.
    init(absent path: String, section: String, at place: Place, _ findings: FindingCollector) {
        self.path = path
        self.section = section
        self.place = place
        self.findings = findings
    }

    func name(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    /// Where the key stands; nil if it does not.
    func keyPlace(_ key: String) -> Place? { entries.first { $0.key == key }?.place }

    /// As they stand, each once.
    var keys: [String] {
        entries.map(\.key).reduce(into: []) { keys, key in
            if !keys.contains(key), !RepeatedKey.stands(in: key) { keys.append(key) }
        }
    }

    /// The key may stand there; whoever misspells it is told of it.
    mutating func expect(_ key: String) { if !known.contains(key) { known.append(key) } }

    func value(_ key: String) -> Node? { entries.first { $0.key == key }?.value }

    /// The value as it stands, and the key is known from now on.
    mutating func node(_ key: String) -> Node? {
        known.append(key)
        guard let value = value(key) else { return nil }
        findings.note(name(key), at: Place(value.mark))
        return value
    }

    /// The value with its variables filled in; nil if it is absent, or is none: then that was told.
    mutating func scalar(_ key: String, expected: String) -> ScalarValue? {
        guard let node = node(key) else { return nil }
        return scalar(node, name(key), expected: expected)
    }

    func scalar(_ node: Node, _ name: String, expected: String) -> ScalarValue? {
        guard case .scalar(let scalar) = node else {
            refuse(name, Place(node.mark), expected: expected, found: ScalarValue.words(node))
            return nil
        }
        do {
            let expanded = try EnvironmentExpansion.expand(scalar.string, findings.environment)
            let value = ScalarValue(scalar, text: expanded.text, holdsVariables: expanded.holdsVariables)
            if value.taken == .nothing, !value.holdsVariables {
                refuse(name, value.place, expected: expected, found: value.words)
                return nil
            }
            return value
        } catch {
            findings.refuse(name, Place(scalar.mark), "`\(name)`: \(error.message)")
            return nil
        }
    }

    /// A mapping within this one; an empty one where the file gives none.
    mutating func mapping(_ key: String, section: String) -> MappingReader {
        let absent = MappingReader(absent: name(key), section: section, at: keyPlace(key) ?? place, findings)
        guard let node = node(key), !ScalarValue.isNothing(node) else { return absent }
        guard case .mapping(let mapping) = node else {
            refuse(name(key), Place(node.mark), expected: "a mapping of keys", found: ScalarValue.words(node))
            return absent
        }
        return MappingReader(mapping, path: name(key), section: section, findings)
    }

    func refuse(_ name: String, _ place: Place, expected: String, found: String) {
        findings.refuse(name, place, "`\(name)`: expected \(expected), found \(found)")
    }

    /// Tells of the keys that were not asked for.
    func finish() {
        let unavailable = UnavailableKeys.keys[section, default: []]
        for entry in entries where !known.contains(entry.key) && !RepeatedKey.stands(in: entry.key) {
            if unavailable.contains(entry.key) {
                findings.error(entry.place, UnavailableKeys.message(entry.key))
                continue
            }
            var message = "unknown key `\(entry.key)`"
            if !path.isEmpty { message += " in `\(path)`" }
            if let near = NearestKey.to(entry.key, among: known) {
                message += "; did you mean `\(near)`?"
            } else {
                message += "; known are \(known.map { "`\($0)`" }.joined(separator: ", "))"
            }
            findings.error(entry.place, message)
        }
    }
}
