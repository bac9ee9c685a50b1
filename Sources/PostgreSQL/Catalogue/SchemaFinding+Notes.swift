extension SchemaFinding {
    /// What will become of rows that the table does not take, though it takes others.
    static func notes(_ found: Catalogue.Table, of table: TableRequirement) -> [SchemaFinding] {
        // Everything below is about events; nobody adds to the positions' own table.
        guard table.receiptColumn != nil else { return [] }
        let name = "operation_logs.\(table.name)"
        var notes: [String] = []
        let needed = table.columns.filter { $0.isOptional && found.columns[$0.name]?.isNotNull == true }
        if !needed.isEmpty, !found.hasTriggerBeforeRows {
            notes.append("events without \(needed.map(\.name).joined(separator: ", ")) become dead letters: NOT NULL")
        }
        let limited = table.columns.compactMap { column -> String? in
            guard let present = found.columns[column.name], present.isLimited,
                column.readers[present.receiveFunction] != nil
            else { return nil }
            return "\(column.name) \(present.typeForPeople)"
        }
        if !limited.isEmpty {
            notes.append("events with values that do not fit become dead letters: \(limited.joined(separator: ", "))")
        }
        if !found.constraints.isEmpty {
            let constraints = found.constraints.joined(separator: ", ")
            notes.append("events that violate a constraint become dead letters: \(constraints)")
        }
        let inUTC = table.columns.filter { found.columns[$0.name]?.receiveFunction == "timestamp_recv" }
        if !inUTC.isEmpty {
            notes.append("times are written in UTC to \(inUTC.map(\.name).joined(separator: ", ")): no time zone there")
        }
        if !table.isCopied, found.hasActiveRowSecurity {
            notes.append("row-level security is active: its policies must let the role read and write every row")
        }
        return notes.map { note("\(name): \($0)") } + partitions(found, of: table)
    }

    /// Partitions that are missing now are an obstacle; those to come are worth a word.
    private static func partitions(_ found: Catalogue.Table, of table: TableRequirement) -> [SchemaFinding] {
        guard let partitions = found.partitions, !partitions.takesEverything else { return [] }
        let name = "operation_logs.\(table.name)"
        let remedy = "CREATE TABLE … PARTITION OF \(name) …"
        guard let column = partitions.rangeColumn, column == table.receiptColumn else {
            let key = partitions.rangeColumn.map { "by \($0) " } ?? ""
            return [
                note(
                    "\(name) is partitioned \(key)without a default partition: an event that no partition takes holds the "
                        + "table until there is one")
            ]
        }
        guard let last = partitions.lastWithoutGap else {
            return [
                SchemaFinding(
                    kind: .schema, sentence: "\(name) has no partition for the \(column) of now: \(remedy)")
            ]
        }
        guard last.endsSoon else { return [] }
        return [
            note("\(name) has no partition for \(column) from \(last.end) on, when its events will wait: \(remedy)")
        ]
    }

    private static func note(_ sentence: String) -> SchemaFinding { SchemaFinding(kind: .note, sentence: sentence) }
}
