/// Durations and sizes as the configuration writes them: one whole number with its unit.
enum Quantities {
    private static let durationUnits: [(name: String, milliseconds: Int)] = [
        ("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]
    private static let sizeUnits: [(name: String, bytes: Int)] = [
        ("", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40),
    ]

    static let durationExample = "a duration such as `200ms`, `5s`, `10m`, `1h` or `30d`"
    static let sizeExample = "a size such as `65536`, `64KiB`, `64MiB` or `1GiB`"

    /// Reads `200ms`, `5s`, `10m`, `1h`, `30d`; nil if it is not one, or beyond what can be counted.
    static func duration(_ text: String) -> Duration? {
        quantity(text, durationUnits.map { ($0.name, $0.milliseconds) }).map { .milliseconds($0) }
    }

    /// Reads `65536`, `64KiB`, `64MiB`, `1GiB`, `1TiB` as bytes; nil if it is not one, or beyond what can be counted.
    static func size(_ text: String) -> Int? {
        quantity(text, sizeUnits.map { ($0.name, $0.bytes) })
    }

    /// In the greatest unit that divides it.
    static func words(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let milliseconds = Int(seconds) * 1_000 + Int(attoseconds / 1_000_000_000_000_000)
        if milliseconds == 0 { return "0s" }
        let unit = durationUnits.last { milliseconds % $0.milliseconds == 0 } ?? durationUnits[0]
        return "\(milliseconds / unit.milliseconds)\(unit.name)"
    }

    /// In the greatest unit that divides it.
    static func words(bytes: Int) -> String {
        if bytes == 0 { return "0" }
        let unit = sizeUnits.last { bytes % $0.bytes == 0 } ?? sizeUnits[0]
        return "\(bytes / unit.bytes)\(unit.name)"
    }

    private static func quantity(_ text: String, _ units: [(name: String, factor: Int)]) -> Int? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let name = text[digits.endIndex...]
        guard let number = Int(digits), let unit = units.first(where: { $0.name == name }) else { return nil }
        let (result, overflows) = number.multipliedReportingOverflow(by: unit.factor)
        return overflows ? nil : result
    }
}
