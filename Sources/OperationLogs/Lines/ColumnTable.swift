/// The columns of one kind of event, laid out for the path of a line. Made once, never freed.
struct ColumnTable: @unchecked Sendable {
    let kind: EventKind
    let count: Int
    let name: PackedName
    private let names: UnsafeMutablePointer<PackedName>
    private let forms: UnsafeMutablePointer<Column.Form>
    /// A bit for each column.
    let required: UInt32

    private init(_ kind: EventKind) {
        let columns = kind.columns
        self.kind = kind
        count = columns.count
        name = PackedName(kind.name)
        names = .allocate(capacity: columns.count)
        forms = .allocate(capacity: columns.count)
        var required: UInt32 = 0
        for (index, column) in columns.enumerated() {
            (names + index).initialize(to: PackedName(column.name))
            (forms + index).initialize(to: column.form)
            if column.isRequired { required |= 1 << UInt32(index) }
        }
        self.required = required
    }

    /// The tables of all kinds, each at its kind's number less one.
    nonisolated(unsafe) static let all: UnsafePointer<ColumnTable> = {
        let tables = UnsafeMutablePointer<ColumnTable>.allocate(capacity: EventKind.allCases.count)
        for kind in EventKind.allCases { (tables + Int(kind.rawValue) - 1).initialize(to: ColumnTable(kind)) }
        return UnsafePointer(tables)
    }()

    @inline(__always)
    func form(_ column: Int) -> Column.Form { forms[column] }

    /// The column of that name; nil if there is none.
    ///
    /// - Parameter expected: is looked at first; lines mostly carry their keys in the order of the columns.
    @inline(__always)
    func column(_ name: PackedName, expected: Int) -> Int? {
        if expected < count, names[expected] == name { return expected }
        for index in 0..<count where names[index] == name { return index }
        return nil
    }
}
