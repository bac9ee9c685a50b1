// The values that hold no others: strings, numbers and words.
extension LineScanner {
    /// A string's body.
    ///
    /// - Returns: the closing quote.
    @inline(__always)
    mutating func scanString(_ body: UnsafePointer<UInt8>, _ isEscaped: inout Bool) -> UnsafePointer<UInt8>? {
        let at = skipPlain(body)
        return at[0] == UInt8(ascii: "\"") ? at : scanSpecial(at, &isEscaped)
    }

    /// Goes on with a string at its first byte that is not plain ASCII.
    @inline(never)
    private mutating func scanSpecial(
        _ first: UnsafePointer<UInt8>, _ isEscaped: inout Bool
    ) -> UnsafePointer<UInt8>? {
        var at = first
        while true {
            switch at[0] {
            case UInt8(ascii: "\""):
                return at
            case UInt8(ascii: "\\"):
                guard let behind = scanEscape(at) else { return nil }
                isEscaped = true
                at = behind
            case 0x80...:
                let length = UTF8Sequence.length(at)
                guard length > 0 else { return fail(at, "this is not UTF-8", .invalidUTF8) }
                at += length
            default:
                return fail(at, "a control character stands in a string as it is")
            }
            at = skipPlain(at)
        }
    }

    /// Skips what can stand in a string as it is: ASCII from the space on, without quote and backslash. Eight bytes at
    /// a time: a byte's high bit is set where it is one of the others (and perhaps above such a byte: the lowest counts).
    @inline(__always)
    private func skipPlain(_ from: UnsafePointer<UInt8>) -> UnsafePointer<UInt8> {
        var at = from
        while at + 8 <= readable {
            let word = UInt64(littleEndian: UnsafeRawPointer(at).loadUnaligned(as: UInt64.self))
            let control = word &- 0x2020_2020_2020_2020
            let quote = (word ^ 0x2222_2222_2222_2222) &- 0x0101_0101_0101_0101
            let backslash = (word ^ 0x5c5c_5c5c_5c5c_5c5c) &- 0x0101_0101_0101_0101
            let marks = (word | control | quote | backslash) & 0x8080_8080_8080_8080
            if marks != 0 { return at + marks.trailingZeroBitCount &>> 3 }
            at += 8
        }
        while at[0] >= 0x20, at[0] < 0x80, at[0] != UInt8(ascii: "\""), at[0] != UInt8(ascii: "\\") { at += 1 }
        return at
    }

    /// A backslash and what belongs to it; a pair of surrogates as one.
    private mutating func scanEscape(_ backslash: UnsafePointer<UInt8>) -> UnsafePointer<UInt8>? {
        switch backslash[1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return backslash + 2
        case UInt8(ascii: "u"):
            guard hasFourDigits(backslash + 2) else { return nil }
        default:
            return fail(backslash + 1, "this escape does not exist")
        }
        let unit = JSONText.hexadecimal(backslash + 2)
        let behind = backslash + 6
        if unit == 0 { return fail(backslash, "PostgreSQL cannot hold \\u0000", .unsupportedCharacter) }
        if unit & 0xf800 != 0xd800 { return behind }
        if unit < 0xdc00, behind[0] == UInt8(ascii: "\\"), behind[1] == UInt8(ascii: "u") {
            guard hasFourDigits(behind + 2) else { return nil }
            if JSONText.hexadecimal(behind + 2) & 0xfc00 == 0xdc00 { return behind + 6 }
        }
        return fail(backslash, "half a surrogate pair stands alone", .unsupportedCharacter)
    }

    private mutating func hasFourDigits(_ digits: UnsafePointer<UInt8>) -> Bool {
        for place in 0..<4 where JSONText.hexadecimalValue(digits[place]) > 15 {
            return fail(digits + place, "\\u needs four hexadecimal digits") != nil
        }
        return true
    }

    /// `true`, `false` or `null`.
    @inline(__always)
    mutating func scanWord(_ at: UnsafePointer<UInt8>) -> UnsafePointer<UInt8>? {
        let word: StaticString =
            switch at[0] {
            case UInt8(ascii: "t"): "true"
            case UInt8(ascii: "f"): "false"
            default: "null"
            }
        for place in 0..<word.utf8CodeUnitCount where at[place] != word.utf8Start[place] {
            return fail(at + place, "a value is expected")
        }
        return at + word.utf8CodeUnitCount
    }

    /// A number, by the grammar of RFC 8259 section 6.
    @inline(__always)
    mutating func scanNumber(_ first: UnsafePointer<UInt8>, _ exceedsNumeric: inout Bool) -> UnsafePointer<UInt8>? {
        var at = first
        if at[0] == UInt8(ascii: "-") { at += 1 }
        if at[0] == UInt8(ascii: "0") {
            at += 1
        } else {
            let digits = at
            at = skipDigits(at)
            if at == digits { return fail(at, at == first ? "a value is expected" : "a digit is expected") }
        }
        if at[0] == UInt8(ascii: ".") {
            let digits = at + 1
            at = skipDigits(digits)
            if at == digits { return fail(at, "a digit is expected") }
        }
        if at[0] | 0x20 == UInt8(ascii: "e") {
            at += 1
            if at[0] == UInt8(ascii: "+") || at[0] == UInt8(ascii: "-") { at += 1 }
            let digits = at
            at = skipDigits(at)
            if at == digits { return fail(at, "a digit is expected") }
            exceedsNumeric = exceedsNumeric || !fitsNumeric(first, at)
        } else if at - first > 16_000 {
            exceedsNumeric = exceedsNumeric || !fitsNumeric(first, at)
        }
        return at
    }

    private func fitsNumeric(_ first: UnsafePointer<UInt8>, _ behind: UnsafePointer<UInt8>) -> Bool {
        JSONNumber(UnsafeBufferPointer(start: first, count: behind - first)).fitsNumeric
    }

    @inline(__always)
    private func skipDigits(_ from: UnsafePointer<UInt8>) -> UnsafePointer<UInt8> {
        var at = from
        while at[0] &- UInt8(ascii: "0") <= 9 { at += 1 }
        return at
    }
}
