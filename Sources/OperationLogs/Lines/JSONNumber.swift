/// What a JSON number's digits say, exactly, without computing it: powers of ten of its first and last digit.
struct JSONNumber {
    /// The power of ten of the first digit that is not zero; meaningless for zero.
    private(set) var highestPower = 0
    /// The power of ten of the last digit that is not zero; meaningless for zero.
    private(set) var lowestPower = 0
    private(set) var isZero = true
    private(set) var isNegative = false
    /// Saturates far beyond every limit below.
    private(set) var exponent = 0
    /// Digits behind the decimal point, as written.
    private(set) var fractionDigits = 0

    /// - Parameter text: fits JSON's grammar of numbers.
    init(_ text: UnsafeBufferPointer<UInt8>) {
        var digits = 0
        var first = 0
        var last = 0
        var point = -1
        var at = 0
        scan: while at < text.count {
            let byte = text[at]
            at += 1
            switch byte {
            case UInt8(ascii: "-"): isNegative = true
            case UInt8(ascii: "."): point = digits
            case UInt8(ascii: "e"), UInt8(ascii: "E"): break scan
            default:
                if byte != UInt8(ascii: "0") {
                    if isZero { first = digits }
                    isZero = false
                    last = digits
                }
                digits += 1
            }
        }
        let whole = point < 0 ? digits : point
        fractionDigits = digits - whole
        exponent = Self.exponent(text, at)
        highestPower = whole - 1 - first + exponent
        lowestPower = whole - 1 - last + exponent
    }

    private static func exponent(_ text: UnsafeBufferPointer<UInt8>, _ start: Int) -> Int {
        var value = 0
        var isNegative = false
        for at in start..<max(start, text.count) {
            switch text[at] {
            case UInt8(ascii: "-"): isNegative = true
            case UInt8(ascii: "+"): break
            case let digit: value = min(value * 10 + Int(digit &- UInt8(ascii: "0")), 1_000_000_000_000)
            }
        }
        return isNegative ? -value : value
    }

    /// Whether PostgreSQL's `numeric`, and so `jsonb`, can hold it (PostgreSQL documentation, "Numeric Types": up to
    /// 131072 digits before the decimal point and 16383 after it; the exponent is bounded by itself, as `numeric_in`
    /// does it).
    var fitsNumeric: Bool {
        abs(exponent) < Int(Int32.max) / 2 && fractionDigits - exponent <= 16_383
            && (isZero || highestPower <= 131_071)
    }

    enum Integer: Equatable {
        case value(Int32)
        case notIntegral
        case outOfRange
    }

    /// A number's text as an integer of 32 bits: any way of writing an integral value counts.
    static func integer(_ text: UnsafeBufferPointer<UInt8>) -> Integer {
        let number = JSONNumber(text)
        if number.isZero { return .value(0) }
        if number.lowestPower < 0 { return .notIntegral }
        if number.highestPower > 9 { return .outOfRange }
        var value: Int64 = 0
        var left = number.highestPower - number.lowestPower + 1
        for byte in text where left > 0 && byte >= UInt8(ascii: "0") && (value > 0 || byte != UInt8(ascii: "0")) {
            value = value * 10 + Int64(byte &- UInt8(ascii: "0"))
            left -= 1
        }
        for _ in 0..<number.lowestPower { value *= 10 }
        guard let fitting = Int32(exactly: number.isNegative ? -value : value) else { return .outOfRange }
        return .value(fitting)
    }
}
