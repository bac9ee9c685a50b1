import OperationLogs

extension Timestamp {
    /// Reads a time back as `rfc3339` writes it, in UTC with six fractional digits.
    init?(stored text: String) {
        let bytes = Array(text.utf8)
        guard bytes.last == 0x5a, let separator = bytes.firstIndex(of: 0x54) else { return nil }
        var date = bytes[..<separator]
        let isNegative = date.first == 0x2d
        if isNegative { date = date.dropFirst() }
        let days = date.split(separator: 0x2d, omittingEmptySubsequences: false)
        let parts = bytes[(separator + 1)...].dropLast().split(separator: 0x2e, omittingEmptySubsequences: false)
        guard days.count == 3, parts.count == 2 else { return nil }
        let clock = parts[0].split(separator: 0x3a, omittingEmptySubsequences: false)
        guard clock.count == 3, let year = Self.number(days[0], digits: nil),
            let month = Self.number(days[1], digits: 2),
            let day = Self.number(days[2], digits: 2), let hour = Self.number(clock[0], digits: 2),
            let minute = Self.number(clock[1], digits: 2), let second = Self.number(clock[2], digits: 2),
            let fraction = Self.number(parts[1], digits: 6),
            year < 300_000, (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 60
        else { return nil }
        let midnight = Self.daysSince2000(year: isNegative ? -year : year, month: month, day: day) * 86_400
        let seconds = midnight + hour * 3600 + minute * 60 + second
        let read = Timestamp(microseconds: seconds &* 1_000_000 &+ fraction)
        // A day that its month does not have comes back as another, and so does what 64 bits do not hold.
        guard read.rfc3339 == text else { return nil }
        self = read
    }

    private static func number(_ digits: ArraySlice<UInt8>, digits count: Int?) -> Int64? {
        guard count == nil || digits.count == count, digits.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return Int64(String(decoding: digits, as: UTF8.self))
    }

    /// Years are counted from March 1st, so that the leap day ends one.
    private static func daysSince2000(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shiftedYear = month > 2 ? year : year - 1
        let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 730_425
    }
}
