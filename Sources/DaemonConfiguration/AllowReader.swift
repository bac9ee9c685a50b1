import OperationLogs
import Yams

/// Reads `allow` of a socket: a list of who may send which events.
enum AllowReader {
    /// - Returns: nil if the key is absent: then whoever may open the socket may send everything. An empty list, or a key
    ///   without a value, is refused and not taken for that.
    static func entries(_ mapping: inout MappingReader) -> [PeerRule]? {
        guard let node = mapping.node("allow") else { return nil }
        let name = mapping.name("allow")
        let expected = "a list, each `{user: NAME}` or `{group: NAME}`, with `events: [NAME]` or without"
        guard case .sequence(let sequence) = node else {
            mapping.refuse(name, Place(node.mark), expected: expected, found: ScalarValue.words(node))
            return nil
        }
        if sequence.isEmpty {
            mapping.refuse(
                name, Place(node.mark),
                expected: "at least one entry (without `allow`, whoever may open the socket may send)",
                found: "an empty list")
        }
        return sequence.enumerated().compactMap { index, element in
            let path = "\(name)[\(index)]"
            guard case .mapping(let entry) = element else {
                mapping.refuse(
                    path, Place(element.mark), expected: "`{user: NAME}` or `{group: NAME}`",
                    found: ScalarValue.words(element))
                return nil
            }
            return self.entry(MappingReader(entry, path: path, section: "inputs.allow", mapping.findings))
        }
    }

    private static func entry(_ mapping: MappingReader) -> PeerRule? {
        var mapping = mapping
        let user = mapping.text("user", expected: "the name of a user") { !$0.isEmpty }
        let group = mapping.text("group", expected: "the name of a group") { !$0.isEmpty }
        let events = events(&mapping)
        mapping.finish()
        switch (mapping.keyPlace("user"), mapping.keyPlace("group")) {
        case (_?, let second?):
            mapping.refuse(
                mapping.path, second, expected: "either `user` or `group`; make two entries of them", found: "both")
        case (nil, nil):
            mapping.refuse(mapping.path, mapping.place, expected: "`user` or `group`", found: "neither")
        default:
            if let user { return PeerRule(.user(user), events: events) }
            if let group { return PeerRule(.group(group), events: events) }
        }
        return nil
    }

    private static func events(_ mapping: inout MappingReader) -> EventKindSet {
        let names = EventKind.allCases.map { "`\($0.name)`" }.joined(separator: ", ")
        guard let listed = mapping.texts("events", expected: "one of \(names)", where: { EventKind(name: $0) != nil })
        else { return .all }
        if listed.isEmpty, mapping.isEmptyList("events"), let place = mapping.findings.place(of: mapping.name("events"))
        {
            mapping.refuse(
                mapping.name("events"), place, expected: "at least one event (without `events`, all of them)",
                found: "an empty list")
        }
        return EventKindSet(listed.compactMap { EventKind(name: $0) })
    }
}
