/// Reads a JSON number as a time since 1970-01-01T00:00:00Z, exactly: no floating point comes between.
enum EpochTime {
    enum Outcome: Equatable {
        /// Microseconds since 2000-01-01T00:00:00Z; what is finer is rounded to the nearest, ties to the even one.
        case time(Int64)
        /// Not in the years 1 to 9999.
        case outOfRange
    }

    /// - Parameter text: fits JSON's grammar of numbers.
    static func read(_ text: UnsafeBufferPointer<UInt8>, _ unit: EpochUnit) -> Outcome {
        let number = JSONNumber(text)
        if number.isZero { return .time(Timestamp(unixMicroseconds: 0).microseconds) }
        // Powers of ten of a microsecond, from here on.
        let highest = number.highestPower + unit.power
        let lowest = number.lowestPower + unit.power
        guard highest <= 17 else { return .outOfRange }
        var whole: Int64 = 0
        var power = highest
        var half = 0
        var hasMore = false
        // Digits below half a microsecond's do not change what it is rounded to, but for a tie.
        for digit in text.lazy.filter(Self.isDigit).map({ Int64($0 &- UInt8(ascii: "0")) }).drop(while: { $0 == 0 }) {
            if power < lowest { break }
            if power >= 0 {
                whole = whole * 10 + digit
            } else if power == -1 {
                half = Int(digit)
            } else {
                hasMore = hasMore || digit > 0
            }
            power -= 1
        }
        // What was left out are zeros.
        if power >= 0 { for _ in 0...power { whole *= 10 } }
        if half > 5 || half == 5 && (hasMore || whole % 2 == 1) { whole += 1 }
        let time = Timestamp(unixMicroseconds: number.isNegative ? -whole : whole).microseconds
        return years.contains(time) ? .time(time) : .outOfRange
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") <= 9 }

    /// From 0001-01-01T00:00:00Z to before 10000-01-01T00:00:00Z.
    private static let years: Range<Int64> = -730_119 * 86_400_000_000..<2_921_940 * 86_400_000_000
}
