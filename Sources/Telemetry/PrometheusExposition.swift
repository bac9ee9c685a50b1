import Instruments

/// Writes instruments in the text format of Prometheus, version 0.0.4.
///
/// Format: <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>.
public enum PrometheusExposition {
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// All families, in the order given, each with its help and type; a histogram's buckets are cumulative.
    public static func text(of families: [Registry.Family]) -> String {
        var text = ""
        for family in families {
            guard let first = family.series.first else { continue }
            text += "# HELP \(family.name) \(escapedHelp(family.help))\n"
            text += "# TYPE \(family.name) \(type(of: first.reading))\n"
            for series in family.series {
                append(series, named: family.name, to: &text)
            }
        }
        return text
    }

    private static func type(of reading: Registry.Reading) -> String {
        switch reading {
        case .counter: "counter"
        case .gauge: "gauge"
        case .histogram: "histogram"
        }
    }

    private static func append(_ series: Registry.Series, named name: String, to text: inout String) {
        let labels = series.labels.map { "\($0.name)=\"\(escapedLabel($0.value))\"" }
        switch series.reading {
        case .counter(let count):
            text += "\(name)\(braced(labels)) \(count)\n"
        case .gauge(let value):
            text += "\(name)\(braced(labels)) \(number(value))\n"
        case .histogram(let bounds, let reading):
            var total: UInt64 = 0
            for (bound, count) in zip(bounds + [.infinity], reading.counts) {
                total += count
                text += "\(name)_bucket\(braced(labels + ["le=\"\(number(bound))\""])) \(total)\n"
            }
            text += "\(name)_sum\(braced(labels)) \(number(reading.sum))\n"
            text += "\(name)_count\(braced(labels)) \(total)\n"
        }
    }

    private static func braced(_ labels: [String]) -> String {
        labels.isEmpty ? "" : "{\(labels.joined(separator: ","))}"
    }

    /// As Go's `ParseFloat` reads it; whole numbers without a fraction.
    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if let whole = Int64(exactly: value), whole.magnitude < 1 << 53 { return "\(whole)" }
        return "\(value)"
    }

    private static func escapedHelp(_ text: String) -> String {
        escaped(text, quotes: false)
    }

    private static func escapedLabel(_ text: String) -> String {
        escaped(text, quotes: true)
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result.append(contentsOf: [scalar, "\\"])
            case "\n": result.append(contentsOf: ["\\", "n"])
            case "\"" where quotes: result.append(contentsOf: ["\\", "\""])
            default: result.append(scalar)
            }
        }
        return String(result)
    }
}
