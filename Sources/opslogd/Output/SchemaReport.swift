import PostgreSQL

/// What a comparison with the database found, as a command ends with it.
enum SchemaReport {
    /// Prints each finding; ends with 1 for the schema's, 77 where only privileges are missing, and goes on after notes.
    static func conclude(_ findings: [SchemaFinding]) throws {
        for note in findings where !note.isObstacle { StandardError.write("opslogd: note: \(note.sentence)\n") }
        let obstacles = findings.filter(\.isObstacle)
        guard let first = obstacles.first else { return }
        for finding in obstacles.dropFirst() { StandardError.write("opslogd: \(finding.sentence)\n") }
        let status: ExitStatus = obstacles.contains { $0.kind == .schema } ? .notSo : .noPermission
        throw CommandFailure(status, first.sentence)
    }
}
