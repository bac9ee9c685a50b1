import Instruments
import Testing

@Suite struct RegistryTests {
    @Test func `one name with one set of labels is one instrument`() {
        let registry = Registry()
        let first = registry.counter("lines", help: "h", labels: [("input", "a")])
        #expect(registry.counter("lines", help: "h", labels: [("input", "a")]) === first)
        #expect(registry.counter("lines", help: "h", labels: [("input", "b")]) !== first)
        #expect(registry.gauge("g", help: "h") === registry.gauge("g", help: "h"))
        #expect(registry.histogram("t", help: "h", bounds: [1]) === registry.histogram("t", help: "h", bounds: [1]))
    }

    @Test func `everything is read by name, series in the order in which they were made`() throws {
        let registry = Registry()
        registry.counter("z_total", help: "last", labels: [("input", "b")]).add(2)
        registry.counter("z_total", help: "last", labels: [("input", "a")]).add(3)
        registry.gauge("b", help: "a gauge").set(1.5)
        registry.gauge("c", help: "worked out") { 42 }
        registry.histogram("a", help: "first", bounds: [1, 2]).observe(1.5)
        let families = registry.read()
        #expect(families.map(\.name) == ["a", "b", "c", "z_total"])
        #expect(families.map(\.help) == ["first", "a gauge", "worked out", "last"])
        #expect(families[3].series.map { $0.labels[0].value } == ["b", "a"])
        guard case .histogram(let bounds, let reading) = families[0].series[0].reading,
            case .gauge(1.5) = families[1].series[0].reading, case .gauge(42) = families[2].series[0].reading,
            case .counter(2) = families[3].series[0].reading, case .counter(3) = families[3].series[1].reading
        else {
            Issue.record("not what was set: \(families)")
            return
        }
        #expect(bounds == [1, 2])
        #expect(reading.counts == [0, 1, 0])
    }

    @Test func `asking from many threads makes one instrument`() async {
        let registry = Registry()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for label in 0..<50 { registry.counter("n", help: "h", labels: [("l", "\(label)")]).add() }
                }
            }
        }
        let family = registry.read().first
        #expect(family?.series.count == 50)
        for series in family?.series ?? [] {
            guard case .counter(8) = series.reading else {
                Issue.record("\(series)")
                return
            }
        }
    }
}
