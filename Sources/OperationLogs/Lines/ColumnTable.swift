/// The columns of one kind of event, laid out for the path of a line.
struct ColumnTable: @unchecked Sendable {
    let kind: EventKind
    let count: Int
    let name: PackedName
    private let names: UnsafeMutablePointer<PackedName>
    private let forms: UnsafeMutablePointer<Column.Form>
    /// A bit for each column.
    let required: UInt32

    /// - Parameter keys: under which lines carry the columns.
    init(_ kind: EventKind, keys: [String]) {
        let columns = kind.columns
        self.kind = kind
        count = columns.count
        name = PackedName(kind.name)
        names = .allocate(capacity: columns.count)
        forms = .allocate(capacity: columns.count)
        var required: UInt32 = 0
        for (index, (column, key)) in zip(columns, keys).enumerated() {
            (names + index).initialize(to: key.utf8.count <= PackedName.longest ? PackedName(key) : .none)
            (forms + index).initialize(to: column.form)
            if column.isRequired { required |= 1 << UInt32(index) }
        }
        self.required = required
    }

    /// Gives the memory back; the table is of no use any more.
    func free() {
        names.deallocate()
        forms.deallocate()
    }

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
