import OperationLogs

/// Reads the keys of an input that say how its lines name events and columns.
struct LineMappingReader {
    let findings: FindingCollector

    func mapping(_ input: inout MappingReader) -> LineMapping {
        var mapping = LineMapping()
        mapping.event = event("event", &input)
        let eventKey = input.text("event_key", expected: "a key of the lines", where: Self.isKey)
        mapping.eventKey = eventKey ?? mapping.eventKey
        mapping.eventWords = words(&input)
        mapping.fields = fields(&input)
        mapping.unknownFields = input.choice("unknown_fields", default: mapping.unknownFields)
        mapping.timeZone = timeZone(&input)
        if input.keyPlace("epoch") != nil { mapping.epoch = input.choice("epoch", default: EpochUnit.seconds) }
        if let conflict = mapping.conflict {
            let name = "\(input.name("fields")).\(conflict.column)"
            findings.error(findings.place(of: name) ?? input.place, "`\(name)`: \(conflict.problem)")
        }
        return mapping
    }

    private func event(_ key: String, _ reader: inout MappingReader) -> EventKind? {
        let names = EventKind.allCases.map(\.name)
        guard let name = reader.text(key, expected: "an event: \(names.map { "`\($0)`" }.joined(separator: ", "))")
        else { return nil }
        if let kind = EventKind(name: name) { return kind }
        let near = NearestKey.to(name, among: names).map { "; did you mean `\($0)`?" }
        let place = findings.place(of: reader.name(key)) ?? reader.place
        findings.error(
            place,
            "`\(reader.name(key))`: `\(name)` is no event"
                + (near ?? "; there are \(names.map { "`\($0)`" }.joined(separator: ", "))"))
        return nil
    }

    private func words(_ input: inout MappingReader) -> [String: EventKind] {
        guard input.keyPlace("event_map") != nil else { return [:] }
        var reader = input.mapping("event_map", section: "event_map")
        var words: [String: EventKind] = [:]
        for word in reader.keys { words[word] = event(word, &reader) }
        return words
    }

    private func fields(_ input: inout MappingReader) -> [String: String] {
        guard input.keyPlace("fields") != nil else { return [:] }
        var reader = input.mapping("fields", section: "fields")
        let columns = Set(EventKind.allCases.flatMap { $0.columns.map(\.name) }).sorted()
        var fields: [String: String] = [:]
        for column in reader.keys where columns.contains(column) {
            fields[column] = reader.text(column, expected: "the key in the lines", where: Self.isKey)
        }
        for column in columns { reader.expect(column) }
        reader.finish()
        return fields
    }

    private func timeZone(_ input: inout MappingReader) -> TimeZoneRules? {
        guard let name = input.text("timezone", expected: #"a time zone such as "Europe/Berlin""#) else { return nil }
        if let rules = ZoneData.rules(of: name) { return rules }
        let place = findings.place(of: input.name("timezone")) ?? input.place
        findings.error(
            place,
            "`\(input.name("timezone"))`: "
                + (ZoneData.isThere
                    ? "the system knows no time zone `\(name)`; \(ZoneData.directory) holds those that it knows"
                    : "\(ZoneData.directory) holds no time zones; install the package tzdata"))
        return nil
    }

    private static func isKey(_ text: String) -> Bool { !text.isEmpty && !text.utf8.contains(0) }
}
