import PostgreSQL

/// What a comparison with the database found, as a command ends with it.
enum SchemaReport {
    /// Prints each finding; ends with 1 for the schema's, 77 where only privileges are missing.
    static func conclude(_ findings: [SchemaFinding]) throws {
        guard let first = findings.first else { return }
        for finding in findings.dropFirst() { StandardError.write("opslogd: \(finding.sentence)\n") }
        let status: ExitStatus = findings.contains { $0.kind == .schema } ? .notSo : .noPermission
        throw CommandFailure(status, first.sentence)
    }
}
