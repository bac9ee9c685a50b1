/// Checks one line against RFC 8259 in a single pass and notes the keys and values of its own object, in place.
///
/// Strict: UTF-8, escapes, surrogate pairs, the grammar of numbers, 128 levels. Not recursive; allocates nothing unless
/// an object has more keys than `fields` holds. The byte at `end` is a line feed that can be read: it fits nowhere in a
/// line's grammar, so that most steps need not compare with the end.
struct LineScanner {
    /// The object's own keys and values, in the order of the line; up to `fieldLimit`.
    let fields: UnsafeMutablePointer<JSONField>
    /// More than any event has columns.
    static let fieldLimit = 24
    /// Levels of objects and arrays, the event's own object included.
    static let levelLimit = 128

    let start: UnsafePointer<UInt8>
    let end: UnsafePointer<UInt8>
    /// Up to here bytes can be read; beyond `end`.
    let readable: UnsafePointer<UInt8>

    /// What the line is; meaningful once `scan` has returned true.
    private(set) var form = JSONField.Form.null
    private(set) var fieldCount = 0
    /// Those that `fields` has no room for.
    private(set) var furtherFields: [JSONField] = []
    /// The first of the fields whose key names the event.
    private(set) var event: JSONField?
    /// Why `scan` has returned false.
    private(set) var fault: Fault?

    struct Fault {
        var reason: RejectionReason
        var at: UnsafePointer<UInt8>
        /// A sentence, but for the place.
        var what: StaticString
    }

    init(
        fields: UnsafeMutablePointer<JSONField>, start: UnsafePointer<UInt8>, end: UnsafePointer<UInt8>,
        readable: UnsafePointer<UInt8>
    ) {
        self.fields = fields
        self.start = start
        self.end = end
        self.readable = readable
    }

    /// - Parameter names: which key names the event.
    /// - Returns: whether the line is JSON that PostgreSQL can hold; else `fault` says why not.
    mutating func scan(_ names: some LineNames) -> Bool {
        var at = skipSpace(start)
        if at[0] == UInt8(ascii: "{") {
            form = .object
            guard let behind = scanFields(at + 1, names) else { return false }
            at = behind
        } else {
            var field = JSONField(
                key: at, value: at, keyLength: 0, valueLength: 0, form: .null, keyIsEscaped: false,
                valueIsEscaped: false, exceedsNumeric: false)
            guard let behind = scanValue(at, &field, level: 0) else { return false }
            form = field.form
            at = behind
        }
        at = skipSpace(at)
        return at == end || fail(at, "something stands behind the value") != nil
    }

    /// The event's own object, from behind its bracket to behind the closing one.
    @inline(__always)
    private mutating func scanFields(
        _ behindBracket: UnsafePointer<UInt8>, _ names: some LineNames
    ) -> UnsafePointer<UInt8>? {
        var at = skipSpace(behindBracket)
        if at[0] == UInt8(ascii: "}") { return at + 1 }
        while true {
            guard at[0] == UInt8(ascii: "\"") else { return fail(at, "a key in quotes is expected") }
            var field = JSONField(
                key: at + 1, value: at, keyLength: 0, valueLength: 0, form: .null, keyIsEscaped: false,
                valueIsEscaped: false, exceedsNumeric: false)
            guard let quote = scanString(at + 1, &field.keyIsEscaped) else { return nil }
            field.keyLength = Int32(truncatingIfNeeded: quote - field.key)
            at = skipSpace(quote + 1)
            guard at[0] == UInt8(ascii: ":") else { return fail(at, "a colon is expected") }
            guard let behind = scanValue(skipSpace(at + 1), &field, level: 1) else { return nil }
            note(field, names)
            at = skipSpace(behind)
            if at[0] == UInt8(ascii: "}") { return at + 1 }
            guard at[0] == UInt8(ascii: ",") else { return fail(at, "a comma or a closing brace is expected") }
            at = skipSpace(at + 1)
        }
    }

    @inline(__always)
    private mutating func note(_ field: JSONField, _ names: some LineNames) {
        if event == nil, names.isEvent(field) { event = field }
        if fieldCount < Self.fieldLimit {
            fields[fieldCount] = field
            fieldCount &+= 1
        } else {
            furtherFields.append(field)
        }
    }

    /// One value that begins at `at`.
    ///
    /// - Parameter level: how many levels it stands in.
    /// - Returns: behind the value.
    @inline(__always)
    private mutating func scanValue(
        _ at: UnsafePointer<UInt8>, _ field: inout JSONField, level: Int
    ) -> UnsafePointer<UInt8>? {
        let behind: UnsafePointer<UInt8>
        field.value = at
        switch at[0] {
        case UInt8(ascii: "\""):
            field.form = .string
            field.value = at + 1
            guard let quote = scanString(at + 1, &field.valueIsEscaped) else { return nil }
            field.valueLength = Int32(truncatingIfNeeded: quote - field.value)
            return quote + 1
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            field.form = at[0] == UInt8(ascii: "{") ? .object : .array
            guard let end = scanNested(at, &field.exceedsNumeric, level: level) else { return nil }
            behind = end
        case UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "n"):
            field.form = at[0] == UInt8(ascii: "n") ? .null : .boolean
            guard let end = scanWord(at) else { return nil }
            behind = end
        default:
            field.form = .number
            guard let end = scanNumber(at, &field.exceedsNumeric) else { return nil }
            behind = end
        }
        field.valueLength = Int32(truncatingIfNeeded: behind - at)
        return behind
    }

    /// An object or array with all that is in it. A bit for each open level says whether it is an object.
    private mutating func scanNested(
        _ bracket: UnsafePointer<UInt8>, _ exceedsNumeric: inout Bool, level: Int
    ) -> UnsafePointer<UInt8>? {
        var at = bracket
        var level = level
        let outside = level
        var isObject: UInt128 = 0
        var isEscaped = false
        while true {
            // A value begins at `at`.
            switch at[0] {
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                guard level < Self.levelLimit else {
                    return fail(at, "more than 128 levels of objects and arrays", .tooDeep)
                }
                let opensObject = at[0] == UInt8(ascii: "{")
                level &+= 1
                isObject = isObject &<< 1 | (opensObject ? 1 : 0)
                at = skipSpace(at + 1)
                if at[0] == (opensObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
                    at += 1
                    level &-= 1
                    isObject = isObject &>> 1
                } else if opensObject {
                    guard let value = scanKey(at) else { return nil }
                    at = value
                    continue
                } else {
                    continue
                }
            case UInt8(ascii: "\""):
                guard let quote = scanString(at + 1, &isEscaped) else { return nil }
                at = quote + 1
            case UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "n"):
                guard let behind = scanWord(at) else { return nil }
                at = behind
            default:
                guard let behind = scanNumber(at, &exceedsNumeric) else { return nil }
                at = behind
            }
            // A value has ended before `at`.
            while true {
                if level == outside { return at }
                at = skipSpace(at)
                let inObject = isObject & 1 != 0
                if at[0] == UInt8(ascii: ",") {
                    at = skipSpace(at + 1)
                    if inObject {
                        guard let value = scanKey(at) else { return nil }
                        at = value
                    }
                    break
                }
                guard at[0] == (inObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
                    return fail(
                        at,
                        inObject ? "a comma or a closing brace is expected" : "a comma or a closing bracket is expected"
                    )
                }
                at += 1
                level &-= 1
                isObject = isObject &>> 1
            }
        }
    }

    /// A key of a nested object and its colon.
    ///
    /// - Returns: where the value begins.
    @inline(__always)
    private mutating func scanKey(_ quote: UnsafePointer<UInt8>) -> UnsafePointer<UInt8>? {
        var isEscaped = false
        guard quote[0] == UInt8(ascii: "\"") else { return fail(quote, "a key in quotes is expected") }
        guard let behind = scanString(quote + 1, &isEscaped) else { return nil }
        let colon = skipSpace(behind + 1)
        guard colon[0] == UInt8(ascii: ":") else { return fail(colon, "a colon is expected") }
        return skipSpace(colon + 1)
    }

    @inline(__always)
    private func skipSpace(_ from: UnsafePointer<UInt8>) -> UnsafePointer<UInt8> {
        var at = from
        while at[0] <= 0x20, at[0] == 0x20 || at[0] == 0x09 || at[0] == 0x0d { at += 1 }
        return at
    }

    /// Takes note of the first fault, or of invalid UTF-8 where something else was expected.
    @inline(never)
    mutating func fail(
        _ at: UnsafePointer<UInt8>, _ what: StaticString, _ reason: RejectionReason = .invalidJSON
    ) -> UnsafePointer<UInt8>? {
        if reason == .invalidJSON, at[0] >= 0x80, UTF8Sequence.length(at) == 0 {
            fault = Fault(reason: .invalidUTF8, at: at, what: "this is not UTF-8")
        } else if reason == .invalidJSON, at == end || (at + 1 == end && at[0] == 0x0d) {
            fault = Fault(reason: .invalidJSON, at: at, what: "the line ends too early")
        } else {
            fault = Fault(reason: reason, at: at, what: what)
        }
        return nil
    }
}
