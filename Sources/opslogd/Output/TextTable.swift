/// Columns of text, aligned; numbers to the right.
struct TextTable {
    private let header: [String]
    private let right: Set<Int>
    private var rows: [[String]] = []

    init(_ header: [String], rightAligned: Set<Int> = []) {
        self.header = header
        right = rightAligned
    }

    mutating func add(_ cells: [String]) {
        rows.append(cells.map(Printable.text))
    }

    func lines(_ style: Style = .output) -> [String] {
        let widths = header.indices.map { column in
            ([header] + rows).map { $0[column].count }.max() ?? 0
        }
        func line(_ cells: [String]) -> String {
            cells.enumerated().map { column, cell in
                let gap = String(repeating: " ", count: widths[column] - cell.count)
                return right.contains(column) ? gap + cell : (column == cells.count - 1 ? cell : cell + gap)
            }.joined(separator: "  ")
        }
        return [style.bold(line(header))] + rows.map(line)
    }

    func print(indent: String = "") {
        for line in lines() { StandardOutput.line(indent + line) }
    }
}
