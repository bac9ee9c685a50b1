/// How the path of a line knows what the line's names mean. Two forms, so that lines as they are documented pay nothing for
/// those that are not: each is compiled by itself.
protocol LineNames {
    /// The tables of all kinds, each at its kind's number less one.
    var tables: UnsafePointer<ColumnTable> { get }
    /// The number of the kind of a line without an event's key, less one; nil if there is none.
    var usualKind: Int? { get }
    /// Whether keys that are no column are left out.
    var ignoresUnknown: Bool { get }
    var epoch: EpochUnit? { get }
    var timeZone: TimeZoneRules? { get }
    /// For messages.
    var mapping: LineMapping { get }

    /// Whether the key names the event.
    func isEvent(_ field: JSONField) -> Bool
    /// The kind that a word means beside the tables' names.
    func kind(ofWord word: PackedName) -> Int?
    func kind(ofLongWord word: [UInt8]) -> Int?
    /// The column under a key that no packed name holds.
    func column(ofLongKey key: [UInt8], kind: EventKind) -> Int?
}

extension LineNames {
    /// How a sentence names a column: by the key that stands in the line.
    func name(of column: Int, _ kind: EventKind) -> String {
        let name = kind.columns[column].name
        return mapping.fields[name].map { "\($0) (\(name))" } ?? name
    }
}

/// As they are documented.
struct DocumentedNames: LineNames {
    @inline(__always) var tables: UnsafePointer<ColumnTable> { LineDialect.documented.tables }
    @inline(__always) var usualKind: Int? { nil }
    @inline(__always) var ignoresUnknown: Bool { false }
    @inline(__always) var epoch: EpochUnit? { nil }
    @inline(__always) var timeZone: TimeZoneRules? { nil }
    var mapping: LineMapping { LineMapping() }

    @inline(__always)
    func isEvent(_ field: JSONField) -> Bool {
        if field.keyIsEscaped { return field.unescapedKey == Self.eventKey }
        return field.keyLength == 5 && field.key[0] == UInt8(ascii: "e") && field.key[1] == UInt8(ascii: "v")
            && field.key[2] == UInt8(ascii: "e") && field.key[3] == UInt8(ascii: "n")
            && field.key[4] == UInt8(ascii: "t")
    }

    private static let eventKey = Array("event".utf8)

    @inline(__always) func kind(ofWord word: PackedName) -> Int? { nil }
    @inline(__always) func kind(ofLongWord word: [UInt8]) -> Int? { nil }
    @inline(__always) func column(ofLongKey key: [UInt8], kind: EventKind) -> Int? { nil }
}

/// As an input's mapping has it.
struct MappedNames: LineNames {
    /// Held by the encoder, for longer than this.
    unowned(unsafe) let dialect: LineDialect

    var tables: UnsafePointer<ColumnTable> { dialect.tables }
    var usualKind: Int? { dialect.usualKind }
    var ignoresUnknown: Bool { dialect.ignoresUnknown }
    var epoch: EpochUnit? { dialect.mapping.epoch }
    var timeZone: TimeZoneRules? { dialect.mapping.timeZone }
    var mapping: LineMapping { dialect.mapping }

    func isEvent(_ field: JSONField) -> Bool {
        if field.keyIsEscaped { return field.unescapedKey.elementsEqual(dialect.eventKey) }
        return UnsafeBufferPointer(start: field.key, count: Int(field.keyLength)).elementsEqual(dialect.eventKey)
    }

    func kind(ofWord word: PackedName) -> Int? { dialect.kind(ofWord: word) }
    func kind(ofLongWord word: [UInt8]) -> Int? { dialect.kind(ofLongWord: word) }
    func column(ofLongKey key: [UInt8], kind: EventKind) -> Int? { dialect.column(ofLongKey: key, kind: kind) }
}
