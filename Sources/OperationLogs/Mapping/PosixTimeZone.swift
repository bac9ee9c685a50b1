/// A time zone as `TZ` writes it: POSIX.1-2017, "Environment Variables", with the wider hours of RFC 8536.
struct PosixTimeZone {
    /// Nil where there is no daylight saving.
    private(set) var rule: DaylightSavingRule?
    private var rest: ArraySlice<UInt8>

    /// - Returns: nil if the text is no such zone.
    init?(_ text: [UInt8]) {
        rest = text[...]
        guard skipName(), let west = time() else { return nil }
        if rest.isEmpty { return }
        guard skipName() else { return nil }
        var savingWest = west - 3600
        if rest.first != UInt8(ascii: ",") {
            guard let read = time() else { return nil }
            savingWest = read
        }
        guard let start = moment(), let end = moment(), rest.isEmpty else { return nil }
        rule = DaylightSavingRule(standard: -west, saving: -savingWest, start: start, end: end)
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest.removeFirst()
        return true
    }

    /// Letters, or anything in angle brackets.
    private mutating func skipName() -> Bool {
        if take("<") {
            guard let end = rest.firstIndex(of: UInt8(ascii: ">")) else { return false }
            rest = rest[(end + 1)...]
            return true
        }
        let name = rest.prefix { ($0 | 0x20) >= UInt8(ascii: "a") && ($0 | 0x20) <= UInt8(ascii: "z") }
        rest = rest.dropFirst(name.count)
        return name.count >= 3
    }

    private mutating func number() -> Int? {
        let digits = rest.prefix { $0 &- UInt8(ascii: "0") <= 9 }
        guard (1...3).contains(digits.count) else { return nil }
        rest = rest.dropFirst(digits.count)
        return digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    }

    /// `[+-]hh[:mm[:ss]]` in seconds.
    private mutating func time() -> Int64? {
        let isNegative = take("-")
        if !isNegative { _ = take("+") }
        guard let hours = number(), hours <= 167 else { return nil }
        var seconds = hours * 3600
        for unit in [60, 1] where take(":") {
            guard let part = number(), part < 60 else { return nil }
            seconds += part * unit
        }
        return Int64(isNegative ? -seconds : seconds)
    }

    /// `,date[/time]`
    private mutating func moment() -> DaylightSavingRule.Moment? {
        guard take(","), let day = day() else { return nil }
        var second: Int64 = 7200
        if take("/") {
            guard let read = time() else { return nil }
            second = read
        }
        return DaylightSavingRule.Moment(day: day, second: second)
    }

    private mutating func day() -> DaylightSavingRule.Day? {
        if take("M") {
            guard let month = number(), take("."), let week = number(), take("."), let day = number(),
                (1...12).contains(month), (1...5).contains(week), (0...6).contains(day)
            else { return nil }
            return .weekday(month: month, week: week, day: day)
        }
        if take("J") {
            guard let day = number(), (1...365).contains(day) else { return nil }
            return .julian(day)
        }
        guard let day = number(), (0...365).contains(day) else { return nil }
        return .ordinal(day)
    }
}
