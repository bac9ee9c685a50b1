/// Values that are each possible and do not go together.
struct SettingsRules {
    let settings: DaemonSettings
    let findings: FindingCollector

    init(_ settings: DaemonSettings, _ findings: FindingCollector) {
        self.settings = settings
        self.findings = findings
    }

    func check() {
        checkSegments()
        checkSpoolSize()
        checkRetry()
        checkDatabase()
    }

    private func checkSegments() {
        guard !findings.isFaulty("spool.segment_bytes") else { return }
        let segment = settings.spool.segmentBytes
        guard let longest = settings.inputs.max(by: { $0.maxLineBytes < $1.maxLineBytes }) else { return }
        let least = SpoolSettings.leastLinesOfASegment * longest.maxLineBytes
        guard segment < least else { return }
        findings.error(
            findings.place(of: "spool.segment_bytes") ?? .start,
            """
            `spool.segment_bytes`: expected at least four times the `max_line_bytes` of input `\(longest.name)`, \
            \(Quantities.words(bytes: least)), found \(Quantities.words(bytes: segment))
            """)
    }

    private func checkSpoolSize() {
        guard !findings.isFaulty("spool.segment_bytes"), !findings.isFaulty("spool.max_bytes") else { return }
        let (least, overflows) = settings.spool.segmentBytes.multipliedReportingOverflow(
            by: SpoolSettings.leastSegments)
        guard overflows || settings.spool.maxBytes < least else { return }
        findings.error(
            findings.place(of: "spool.max_bytes") ?? findings.place(of: "spool.segment_bytes") ?? .start,
            """
            `spool.max_bytes`: expected at least two segments of `segment_bytes`, \(Quantities.words(bytes: least)), \
            found \(Quantities.words(bytes: settings.spool.maxBytes))
            """)
    }

    private func checkRetry() {
        let retry = settings.delivery.retry
        guard retry.initial > retry.max, !findings.isFaulty("delivery.retry.initial"),
            !findings.isFaulty("delivery.retry.max")
        else { return }
        findings.error(
            findings.place(of: "delivery.retry.initial") ?? findings.place(of: "delivery.retry.max") ?? .start,
            """
            `delivery.retry.initial`: expected at most `max`, \(Quantities.words(retry.max)), \
            found \(Quantities.words(retry.initial))
            """)
    }

    private func checkDatabase() {
        guard settings.database.embedded, !settings.database.conninfo.isEmpty,
            let place = findings.place(of: "database.conninfo")
        else { return }
        findings.error(
            place, "`database.conninfo`: expected none beside `embedded: true`, which has a database of its own")
    }
}
