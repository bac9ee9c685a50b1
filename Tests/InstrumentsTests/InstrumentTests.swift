import Instruments
import Synchronization
import Testing

@Suite struct InstrumentTests {
    /// Runs `body` on several tasks at once.
    private func together(_ body: @escaping @Sendable () -> Void) async {
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 { group.addTask { body() } }
        }
    }

    @Test func `a counter loses nothing under threads, and never falls`() async {
        let counter = Counter()
        await together { for _ in 0..<10_000 { counter.add() } }
        #expect(counter.value == 80_000)
        counter.add(-5)
        counter.add(0)
        #expect(counter.value == 80_000)
        counter.add(20)
        #expect(counter.value == 80_020)
    }

    @Test func `a gauge is what it was set to`() {
        let gauge = Gauge()
        #expect(gauge.value == 0)
        for value in [1.5, -3, 0, .infinity] {
            gauge.set(value)
            #expect(gauge.value == value)
        }
        gauge.set(7)
        #expect(gauge.value == 7)
    }

    @Test func `a histogram counts a value in the first bucket whose bound it does not pass`() {
        let histogram = Histogram(bounds: [1, 2, 5])
        for value in [0, 1, 1.0001, 2, 5, 5.1, 1000] { histogram.observe(value) }
        histogram.observe(3, times: 10)
        #expect(histogram.reading.counts == [2, 2, 11, 2])
        #expect(abs(histogram.reading.sum - 1044.1001) < 1e-9)
    }

    @Test func `a histogram loses nothing under threads`() async {
        let histogram = Histogram(bounds: Histogram.syncBounds)
        await together { for _ in 0..<1000 { histogram.observe(0.002) } }
        #expect(histogram.reading.counts.reduce(0, +) == 8000)
        #expect(histogram.reading.counts[4] == 8000)
    }

    @Test(arguments: [Histogram.syncBounds, Histogram.lagBounds])
    func `bounds ascend`(_ bounds: [Double]) {
        #expect(zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 })
    }

    @Test func `severities are in order`() {
        #expect(Diagnostics.Severity.allCases.sorted() == [.debug, .info, .notice, .warning, .error, .critical])
    }

    @Test func `diagnostics say what they were told, with its severity`() {
        let told = Mutex<[String]>([])
        let diagnostics = Diagnostics { severity, message in told.withLock { $0.append("\(severity) \(message)") } }
        diagnostics.debug("a")
        diagnostics.info("b")
        diagnostics.notice("c")
        diagnostics.warning("d")
        diagnostics.error("e")
        diagnostics.critical("f")
        #expect(told.withLock { $0 } == ["debug a", "info b", "notice c", "warning d", "error e", "critical f"])
    }
}
