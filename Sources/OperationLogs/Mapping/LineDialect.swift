/// A ``LineMapping`` laid out for the path of a line. One for each input, shared by all its files or connections.
public final class LineDialect: @unchecked Sendable {
    /// Lines as they are documented.
    public static let documented = LineDialect(LineMapping())

    public let mapping: LineMapping
    /// The tables of all kinds, each at its kind's number less one.
    let tables: UnsafePointer<ColumnTable>
    /// The bytes of the key that names the event.
    let eventKey: [UInt8]
    /// Whether lines are read as they are documented.
    let isDocumented: Bool
    /// The number of the kind of a line without that key, less one; nil if there is none.
    let usualKind: Int?
    let ignoresUnknown: Bool
    /// Words for events that the mapping adds, and those of them that are longer than a ``PackedName``.
    private let words: [(word: PackedName, kind: Int)]
    private let longWords: [(word: [UInt8], kind: Int)]
    /// Keys of columns that are longer than a ``PackedName``.
    private let longKeys: [(key: [UInt8], kind: Int, column: Int)]

    public init(_ mapping: LineMapping) {
        self.mapping = mapping
        let kinds = EventKind.allCases
        let tables = UnsafeMutablePointer<ColumnTable>.allocate(capacity: kinds.count)
        for kind in kinds {
            let keys = kind.columns.map { mapping.key(of: $0.name) }
            (tables + Self.index(kind)).initialize(to: ColumnTable(kind, keys: keys))
        }
        self.tables = UnsafePointer(tables)
        eventKey = Array(mapping.eventKey.utf8)
        isDocumented = mapping == LineMapping()
        usualKind = mapping.event.map(Self.index)
        ignoresUnknown = mapping.unknownFields == .ignore
        let words = mapping.eventWords.map { (word: Array($0.key.utf8), kind: Self.index($0.value)) }
        self.words = words.filter { $0.word.count <= PackedName.longest }.map {
            (PackedName(String(decoding: $0.word, as: UTF8.self)), $0.kind)
        }
        longWords = words.filter { $0.word.count > PackedName.longest }
        longKeys = kinds.flatMap { kind in
            kind.columns.enumerated().compactMap { place, column in
                let key = Array(mapping.key(of: column.name).utf8)
                return key.count > PackedName.longest ? (key, Self.index(kind), place) : nil
            }
        }
    }

    deinit {
        let all = UnsafeMutablePointer(mutating: tables)
        for kind in 0..<EventKind.allCases.count { all[kind].free() }
        all.deinitialize(count: EventKind.allCases.count)
        all.deallocate()
    }

    private static func index(_ kind: EventKind) -> Int { Int(kind.rawValue) - 1 }

    /// The kind that a word of the mapping means; nil if it has no such word.
    func kind(ofWord word: PackedName) -> Int? {
        for (own, kind) in words where own == word { return kind }
        return nil
    }

    func kind(ofLongWord word: [UInt8]) -> Int? { longWords.first { $0.word == word }?.kind }

    /// The column under a key that no packed name holds.
    func column(ofLongKey key: [UInt8], kind: EventKind) -> Int? {
        longKeys.first { $0.kind == Self.index(kind) && $0.key == key }?.column
    }
}
