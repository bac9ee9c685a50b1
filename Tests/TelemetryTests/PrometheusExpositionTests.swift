import Instruments
import Telemetry
import Testing

@Suite struct PrometheusExpositionTests {
    @Test func `counters, gauges and histograms are written as Prometheus reads them`() {
        let registry = Registry()
        registry.counter("b_total", help: "Lines.", labels: [("input", "a"), ("reason", "too_deep")]).add(3)
        registry.counter("b_total", help: "Lines.", labels: [("input", "b")]).add(9_007_199_254_740_993)
        registry.gauge("c", help: "Up.").set(1)
        registry.gauge("c_age_seconds", help: "Age.", computedBy: { 0.25 })
        let histogram = registry.histogram("a_seconds", help: "Syncs.", bounds: [0.001, 1, 10])
        histogram.observe(0.0005, times: 2)
        histogram.observe(1)
        histogram.observe(99.5)
        #expect(
            PrometheusExposition.text(of: registry.read()) == """
                # HELP a_seconds Syncs.
                # TYPE a_seconds histogram
                a_seconds_bucket{le="0.001"} 2
                a_seconds_bucket{le="1"} 3
                a_seconds_bucket{le="10"} 3
                a_seconds_bucket{le="+Inf"} 4
                a_seconds_sum 100.501
                a_seconds_count 4
                # HELP b_total Lines.
                # TYPE b_total counter
                b_total{input="a",reason="too_deep"} 3
                b_total{input="b"} 9007199254740993
                # HELP c Up.
                # TYPE c gauge
                c 1
                # HELP c_age_seconds Age.
                # TYPE c_age_seconds gauge
                c_age_seconds 0.25

                """)
    }

    @Test func `a histogram with labels keeps them on every line`() {
        let registry = Registry()
        registry.histogram("h", help: "H.", bounds: [0.5], labels: [("input", "a")]).observe(0.1)
        #expect(
            PrometheusExposition.text(of: registry.read()) == """
                # HELP h H.
                # TYPE h histogram
                h_bucket{input="a",le="0.5"} 1
                h_bucket{input="a",le="+Inf"} 1
                h_sum{input="a"} 0.1
                h_count{input="a"} 1

                """)
    }

    @Test func `help and labels are escaped`() {
        let registry = Registry()
        registry.gauge("g", help: "a \\ \"b\"\nc", labels: [("path", "C:\\ \"x\"\ny\r")]).set(2)
        #expect(
            PrometheusExposition.text(of: registry.read())
                == "# HELP g a \\\\ \"b\"\\nc\n# TYPE g gauge\ng{path=\"C:\\\\ \\\"x\\\"\\ny\r\"} 2\n")
    }

    @Test(arguments: [
        (0.0, "0"), (-1.5, "-1.5"), (1e300, "1e+300"), (0.0001, "0.0001"), (86_400, "86400"), (.infinity, "+Inf"),
        (-.infinity, "-Inf"), (.nan, "NaN"),
    ])
    func `numbers are written as Prometheus reads them`(_ value: Double, _ text: String) {
        let registry = Registry()
        registry.gauge("g", help: "G.").set(value)
        #expect(PrometheusExposition.text(of: registry.read()).hasSuffix("\ng \(text)\n"))
    }

    @Test func `nothing registered is an empty text`() {
        #expect(PrometheusExposition.text(of: Registry().read()) == "")
    }
}
