extension StatusPage {
    /// What inputs of every type tell; what does not apply to one is not there.
    struct Input: Decodable {
        let name: String
        let type: String
        let connections: Int?
        let files: Int?
        let lagBytes: Int?
        let lostBytes: UInt64?
        let units: [String]?
        let identifiers: [String]?
        let directory: String?
        let readUpTo: String?
        let atEnd: Bool?
        let lostEntries: UInt64?
        let waiting: String?
    }
}

extension StatusPage.Input {
    /// What it follows, how far it has got, what it has lost, and why it waits.
    var state: String {
        let parts = [
            connections.map { StatusPage.count(UInt64($0), "connection") },
            files.map { StatusPage.count(UInt64($0), "file") },
            Self.named("unit", units), Self.named("identifier", identifiers), directory.map { "in \($0)" },
            lagBytes.map { $0 == 0 ? "at the end" : "\(Printable.bytes($0)) to read" },
            atEnd.flatMap(placeInJournal),
            lostBytes.flatMap { $0 > 0 ? "\(Printable.bytes($0)) lost" : nil },
            lostEntries.flatMap { $0 > 0 ? StatusPage.count($0, "entry", "entries") + " lost" : nil },
            waiting,
        ]
        return parts.compactMap(\.self).joined(separator: ", ")
    }

    /// The first few, so that a line stays one; `--json` has them all.
    private static func named(_ noun: String, _ names: [String]?) -> String? {
        guard let names, !names.isEmpty else { return nil }
        let more = names.count > 4 ? " and \(Printable.count(names.count - 3)) more" : ""
        return (names.count == 1 ? noun : noun + "s") + " "
            + names.prefix(more.isEmpty ? 4 : 3).joined(separator: " ") + more
    }

    /// The time is that of the last entry, whoever wrote it. Where reading waits, nobody knows whether more is there.
    private func placeInJournal(isAtEnd: Bool) -> String? {
        switch (isAtEnd, readUpTo) {
        case (true, let time): "at the end" + (time.map { ", last entry \($0)" } ?? ", no entry yet")
        case (false, let time?): (waiting == nil ? "behind, " : "") + "read up to \(time)"
        case (false, nil): waiting == nil ? "nothing read yet" : nil
        }
    }
}
