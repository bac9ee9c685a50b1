import Yams

/// Reads the whole document, section by section.
struct SettingsReader {
    let findings: FindingCollector

    private static let longest = Duration.seconds(3_650 * 86_400)

    func settings(_ root: Node?) -> DaemonSettings {
        var settings = DaemonSettings(environment: findings.environment)
        guard let root, !ScalarValue.isNothing(root) else { return settings }
        guard case .mapping(let mapping) = root else {
            findings.error(
                Place(root.mark), "expected a mapping of keys such as `inputs:`, found \(ScalarValue.words(root))")
            return settings
        }
        var top = MappingReader(mapping, path: "", section: "", findings)
        if let directory = top.text("state_directory", expected: "an absolute path", where: { $0.hasPrefix("/") }) {
            settings.stateDirectory = directory
        }
        var inputs = InputReader(findings)
        settings.inputs = inputs.inputs(&top)
        settings.spool = spool(top.mapping("spool", section: "spool"))
        settings.database = database(top.mapping("database", section: "database"))
        settings.delivery = delivery(top.mapping("delivery", section: "delivery"))
        settings.deadLetters = deadLetters(top.mapping("dead_letters", section: "dead_letters"))
        settings.telemetry = telemetry(top.mapping("telemetry", section: "telemetry"))
        settings.log = log(top.mapping("log", section: "log"))
        top.finish()
        SettingsRules(settings, findings).check()
        return settings
    }

    private func spool(_ mapping: MappingReader) -> SpoolSettings {
        var mapping = mapping
        var spool = SpoolSettings()
        spool.maxBytes = mapping.size("max_bytes", in: 1...Int.max, default: spool.maxBytes)
        spool.segmentBytes = mapping.size(
            "segment_bytes", in: SpoolSettings.segmentBytesRange, default: spool.segmentBytes)
        spool.minFreeBytes = mapping.size("min_free", in: 0...Int.max, default: spool.minFreeBytes)
        spool.sync = sync(&mapping)
        var kept = mapping.mapping("keep_delivered", section: "spool.keep_delivered")
        spool.keepDelivered.bytes = kept.size("bytes", in: 0...Int.max, default: spool.keepDelivered.bytes)
        spool.keepDelivered.age = kept.duration("age", in: .zero...Self.longest, default: spool.keepDelivered.age)
        kept.finish()
        mapping.finish()
        return spool
    }

    private func sync(_ mapping: inout MappingReader) -> SpoolSettings.Sync {
        let expected = "`group` or `{interval: 100ms}`"
        guard let node = mapping.node("sync") else { return .group }
        if case .mapping = node {
            var interval = mapping.mapping("sync", section: "spool.sync")
            if interval.keyPlace("interval") == nil {
                interval.refuse(mapping.name("sync"), interval.place, expected: expected, found: "no `interval`")
            }
            let length = interval.duration(
                "interval", in: .milliseconds(1)...(.seconds(10)), default: .milliseconds(100))
            interval.finish()
            return .interval(length)
        }
        guard let value = mapping.scalar(node, mapping.name("sync"), expected: expected) else { return .group }
        if value.text != "group" {
            mapping.refuse(mapping.name("sync"), value.place, expected: expected, found: value.words)
        }
        return .group
    }

    private func database(_ mapping: MappingReader) -> DatabaseSettings {
        var mapping = mapping
        var database = DatabaseSettings()
        database.conninfo = mapping.text("conninfo", expected: "a connection string of libpq") ?? database.conninfo
        if findings.othersMayRead, case .scalar(let raw)? = mapping.value("conninfo"),
            PasswordInConninfo.stands(in: raw.string)
        {
            findings.warning(
                Place(raw.mark),
                """
                `database.conninfo` holds a password, and everybody on this machine can read the file; \
                `chmod o-r` it, or use .pgpass or a service file
                """)
        }
        database.embedded = mapping.flag("embedded", default: database.embedded)
        mapping.finish()
        return database
    }

    private func delivery(_ mapping: MappingReader) -> DeliverySettings {
        var mapping = mapping
        var delivery = DeliverySettings()
        delivery.batchEvents = mapping.count("batch_events", in: 1...1_000_000, default: delivery.batchEvents)
        delivery.batchWait = mapping.duration("batch_wait", in: .zero...(.seconds(60)), default: delivery.batchWait)
        delivery.connections = mapping.count("connections", in: 1...8, default: delivery.connections)
        var retry = mapping.mapping("retry", section: "delivery.retry")
        let pauses = Duration.milliseconds(1)...(.seconds(3_600))
        delivery.retry.initial = retry.duration("initial", in: pauses, default: delivery.retry.initial)
        delivery.retry.max = retry.duration("max", in: pauses, default: delivery.retry.max)
        retry.finish()
        delivery.stopDrain = mapping.duration("stop_drain", in: .zero...(.seconds(3_600)), default: delivery.stopDrain)
        delivery.maxFuture = mapping.duration(
            "max_future", in: .seconds(1)...Self.longest, default: delivery.maxFuture)
        mapping.finish()
        return delivery
    }

    private func deadLetters(_ mapping: MappingReader) -> DeadLetterSettings {
        var mapping = mapping
        var letters = DeadLetterSettings()
        letters.maxBytes = mapping.size(
            "max_bytes", in: DeadLetterSettings.leastBytes...Int.max, default: letters.maxBytes)
        if mapping.keyPlace("max_age") != nil {
            letters.maxAge = mapping.duration("max_age", in: .seconds(60)...Self.longest, default: Self.longest)
        }
        letters.whenFull = mapping.choice("when_full", default: letters.whenFull)
        letters.table = mapping.flag("table", default: letters.table)
        mapping.finish()
        return letters
    }

    private func telemetry(_ mapping: MappingReader) -> ListenAddress {
        var mapping = mapping
        var address = DaemonSettings().telemetry
        let expected = "`HOST:PORT`, `[IPV6]:PORT`, `unix:/PATH` or `off`"
        if let text = mapping.text("listen", expected: expected, where: { ListenAddress($0) != nil }) {
            address = ListenAddress(text) ?? address
        }
        mapping.finish()
        return address
    }

    private func log(_ mapping: MappingReader) -> LogSettings {
        var mapping = mapping
        var log = LogSettings()
        log.level = mapping.choice("level", default: log.level)
        log.format = mapping.choice("format", default: log.format)
        mapping.finish()
        return log
    }
}
