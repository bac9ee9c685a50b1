/// A moment as PostgreSQL keeps it: microseconds since 2000-01-01T00:00:00Z (the integer format of `timestamptz`).
public struct Timestamp: Sendable, Hashable, Comparable {
    public var microseconds: Int64

    public init(microseconds: Int64) { self.microseconds = microseconds }

    /// From microseconds since 1970-01-01T00:00:00Z.
    public init(unixMicroseconds: Int64) { microseconds = unixMicroseconds &- Self.epochOffset }

    /// Microseconds since 1970-01-01T00:00:00Z.
    public var unixMicroseconds: Int64 { microseconds &+ Self.epochOffset }

    public static func < (left: Timestamp, right: Timestamp) -> Bool { left.microseconds < right.microseconds }

    /// 1970-01-01 to 2000-01-01: 10,957 days.
    private static let epochOffset: Int64 = 10_957 * 86_400 * 1_000_000

    /// RFC 3339 in UTC with six fractional digits: `2026-11-20T12:34:56.123456Z`. Years before 1 or after 9999 are
    /// written with their sign, as ISO 8601 does.
    public var rfc3339: String {
        let (days, timeOfDay) = microseconds.quotientAndRemainder(flooringBy: 86_400_000_000)
        let date = CivilDate(daysSince2000: days)
        let seconds = timeOfDay / 1_000_000
        let year = (1...9999).contains(date.year) ? padded(date.year, 4) : "\(date.year)"
        return "\(year)-\(padded(Int64(date.month), 2))-\(padded(Int64(date.day), 2))T\(padded(seconds / 3600, 2))"
            + ":\(padded(seconds / 60 % 60, 2)):\(padded(seconds % 60, 2)).\(padded(timeOfDay % 1_000_000, 6))Z"
    }

    private func padded(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
}

/// A day of the proleptic Gregorian calendar.
struct CivilDate: Hashable {
    var year: Int64
    var month: Int
    var day: Int

    init(year: Int64, month: Int, day: Int) {
        self.year = year
        self.month = month
        self.day = day
    }

    /// Days are counted in eras of 400 years that begin on March 1st, so that the leap day ends a year.
    init(daysSince2000 days: Int64) {
        let (era, dayOfEra) = (days + 730_425).quotientAndRemainder(flooringBy: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = Int(dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
        month = Int(shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9)
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    var daysSince2000: Int64 {
        let shiftedYear = month <= 2 ? year - 1 : year
        let (era, yearOfEra) = shiftedYear.quotientAndRemainder(flooringBy: 400)
        let shiftedMonth = Int64(month > 2 ? month - 3 : month + 9)
        let dayOfYear = (153 * shiftedMonth + 2) / 5 + Int64(day) - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 730_425
    }
}

extension Int64 {
    /// Division that rounds towards negative infinity, so that the remainder is never negative.
    func quotientAndRemainder(flooringBy divisor: Int64) -> (Int64, Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}

extension Timestamp {
    /// Reads RFC 3339 with an offset, as a line's times are read; nil if it is not one.
    public init?(rfc3339 text: String) {
        let bytes = Array(text.utf8)
        let read = bytes.withUnsafeBufferPointer { bytes in
            bytes.baseAddress.flatMap { RFC3339Time.microseconds($0, bytes.count) }
        }
        guard let read else { return nil }
        self.init(microseconds: read)
    }
}
