/// Reads RFC 3339 times with an offset, as PostgreSQL reads them into a `timestamptz`.
enum RFC3339Time {
    /// The longest text that can be one: `YYYY-MM-DDTHH:MM:SS.fffffffff+HH:MM`.
    static let longest = 35

    /// - Returns: microseconds since 2000-01-01T00:00:00Z; nil if the text is not an RFC 3339 time with an offset, or
    ///   not one that PostgreSQL takes (year 0000, an offset beyond 15:59, more than nine fractional digits).
    static func microseconds(_ text: UnsafePointer<UInt8>, _ count: Int) -> Int64? {
        guard count >= 20, count <= longest else { return nil }
        var isValid = true
        let year = twoDigits(text, &isValid) * 100 + twoDigits(text + 2, &isValid)
        let month = twoDigits(text + 5, &isValid)
        let day = twoDigits(text + 8, &isValid)
        let hour = twoDigits(text + 11, &isValid)
        let minute = twoDigits(text + 14, &isValid)
        let second = twoDigits(text + 17, &isValid)
        guard isValid, text[4] == UInt8(ascii: "-"), text[7] == UInt8(ascii: "-"), text[13] == UInt8(ascii: ":"),
            text[16] == UInt8(ascii: ":"),
            text[10] | 0x20 == UInt8(ascii: "t") || text[10] == UInt8(ascii: " "),
            year > 0, month >= 1, month <= 12, day >= 1, day <= daysOfMonth(month, year), hour <= 23, minute <= 59,
            second <= 60
        else { return nil }

        var at = 19
        var fraction = 0
        if text[at] == UInt8(ascii: ".") {
            guard second < 60, let read = readFraction(text, count, &at) else { return nil }
            fraction = read
        }
        guard let offset = readOffset(text + at, count - at) else { return nil }
        let days = CivilDate(year: Int64(year), month: month, day: day).daysSince2000
        let seconds = (hour * 60 + minute) * 60 + second - offset * 60
        return days * 86_400_000_000 + Int64(seconds) * 1_000_000 + Int64(fraction)
    }

    /// The same of a time without an offset, as PostgreSQL reads it where `TimeZone` is set to that zone.
    @inline(never)
    static func microseconds(_ text: UnsafePointer<UInt8>, _ count: Int, localTo zone: TimeZoneRules) -> Int64? {
        let lengthWithoutFraction = 19
        guard count >= lengthWithoutFraction, let time = microsecondsOfUTC(text, count),
            // What the clock showed, before a fraction is rounded to a whole second.
            let second = microsecondsOfUTC(text, lengthWithoutFraction)
        else { return nil }
        let seconds = second.quotientAndRemainder(flooringBy: 1_000_000).0
        return time - zone.offset(atLocal: seconds) * 1_000_000
    }

    /// As if there stood a `Z` behind it.
    private static func microsecondsOfUTC(_ text: UnsafePointer<UInt8>, _ count: Int) -> Int64? {
        guard count < longest else { return nil }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: longest) { copy in
            guard let base = copy.baseAddress else { return nil }
            base.initialize(from: text, count: count)
            base[count] = UInt8(ascii: "Z")
            return microseconds(base, count + 1)
        }
    }

    /// One to nine digits behind the point at `at`, in microseconds, rounded as PostgreSQL does it (`rint` of a double);
    /// may be a whole second.
    @inline(__always)
    private static func readFraction(_ text: UnsafePointer<UInt8>, _ count: Int, _ at: inout Int) -> Int? {
        var value = 0
        var digits = 0
        at += 1
        while at < count, digits < 10 {
            let digit = text[at] &- UInt8(ascii: "0")
            if digit > 9 { break }
            value = value * 10 + Int(digit)
            digits += 1
            at += 1
        }
        switch digits {
        case 6: return value
        case 1: return value * 100_000
        case 2: return value * 10_000
        case 3: return value * 1_000
        case 4: return value * 100
        case 5: return value * 10
        case 7: return rounded(value, 1e7)
        case 8: return rounded(value, 1e8)
        case 9: return rounded(value, 1e9)
        default: return nil
        }
    }

    /// The quotient is the double nearest to the fraction, as `strtod` finds it.
    private static func rounded(_ value: Int, _ scale: Double) -> Int {
        Int((Double(value) / scale * 1e6).rounded(.toNearestOrEven))
    }

    /// `Z`, `z` or `±HH:MM`, and nothing behind it; in minutes.
    @inline(__always)
    private static func readOffset(_ text: UnsafePointer<UInt8>, _ count: Int) -> Int? {
        if count == 1, text[0] | 0x20 == UInt8(ascii: "z") { return 0 }
        guard count == 6, text[0] == UInt8(ascii: "+") || text[0] == UInt8(ascii: "-"), text[3] == UInt8(ascii: ":")
        else { return nil }
        var isValid = true
        let hours = twoDigits(text + 1, &isValid)
        let minutes = twoDigits(text + 4, &isValid)
        guard isValid, hours <= 15, minutes <= 59 else { return nil }
        return text[0] == UInt8(ascii: "-") ? -(hours * 60 + minutes) : hours * 60 + minutes
    }

    @inline(__always)
    private static func twoDigits(_ text: UnsafePointer<UInt8>, _ isValid: inout Bool) -> Int {
        let tens = text[0] &- UInt8(ascii: "0")
        let ones = text[1] &- UInt8(ascii: "0")
        if tens > 9 || ones > 9 { isValid = false }
        return Int(tens) &* 10 &+ Int(ones)
    }

    @inline(__always)
    private static func daysOfMonth(_ month: Int, _ year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}
