import Glibc
import Instruments
import Telemetry
import Testing

/// What Prometheus itself thinks of the text, where Debian's package `prometheus` is installed.
@Suite struct PromtoolTests {
    private static let promtool: String? = {
        let path = getenv("PATH").map { String(cString: $0) } ?? ""
        return path.split(separator: ":").map { "\($0)/promtool" }.first { access($0, X_OK) == 0 }
    }()

    @Test(.enabled(if: promtool != nil, "promtool is not installed"))
    func `promtool reads it and finds nothing to mend`() throws {
        let registry = Registry()
        registry.counter("opslogd_lines_read_total", help: "Lines \\ read.\nAll.", labels: [("input", "a\"b\\c\nd")])
            .add(5)
        registry.gauge("opslogd_database_up", help: "Whether the database answers.").set(1)
        registry.gauge("opslogd_spool_oldest_event_age_seconds", help: "Age.").set(1e-7)
        for input in ["a", "b"] {
            let histogram = registry.histogram(
                "opslogd_spool_sync_seconds", help: "Syncs.", bounds: Histogram.syncBounds, labels: [("input", input)])
            histogram.observe(0.0003, times: 7)
            histogram.observe(1e9)
        }
        let directory = try TemporaryDirectory()
        let file = directory.path + "/metrics"
        let descriptor = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
        let bytes = Array(PrometheusExposition.text(of: registry.read()).utf8)
        #expect(write(descriptor, bytes, bytes.count) == bytes.count)
        close(descriptor)

        let command = "\(try #require(Self.promtool)) check metrics < \(file) > \(directory.path)/answer 2>&1"
        var process = pid_t()
        var arguments: [UnsafeMutablePointer<CChar>?] = ["sh", "-c", command].map { (word: String) in strdup(word) }
        arguments.append(nil)
        defer { for argument in arguments { free(argument) } }
        let spawned = posix_spawn(&process, "/bin/sh", nil, nil, &arguments, environ)
        try #require(spawned == 0)
        var status: Int32 = -1
        waitpid(process, &status, 0)
        #expect(status == 0, "\(command)")
    }
}
