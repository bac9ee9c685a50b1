import OperationLogs

/// What a client asks in a control line: a line whose object holds the single key `opslogd`.
///
/// The line is known to be such an object of valid JSON when it comes here; what is read is the value of that key. Names
/// of keys are taken as they are written: one with an escape in it is not known.
package enum ControlLine: Hashable {
    /// `{"opslogd":{"ack":true}}`: answer when lines are durable.
    case acknowledge
    /// `{"opslogd":{"watermark":"NAME"}}`: what is this pipeline's newest watermark?
    case watermark(pipeline: [UInt8])
    case unknown

    package init(_ line: UnsafeRawBufferPointer) {
        var text = JSONTokens(line)
        guard text.take("{"), text.takeName() != nil, text.take(":"), text.take("{"), let question = text.takeName(),
            text.take(":")
        else {
            self = .unknown
            return
        }
        if question.elementsEqual("ack".utf8), text.take("true"), text.take("}"), text.take("}"), text.isAtEnd {
            self = .acknowledge
        } else if question.elementsEqual("watermark".utf8), let name = text.takeName(), text.take("}"), text.take("}"),
            text.isAtEnd
        {
            self = .watermark(pipeline: JSONText.bytes(unescaping: UnsafeRawBufferPointer(rebasing: name)))
        } else {
            self = .unknown
        }
    }
}

/// Takes the tokens of JSON text one by one, with white space between them.
private struct JSONTokens {
    private var rest: Slice<UnsafeRawBufferPointer>

    init(_ text: UnsafeRawBufferPointer) { rest = text[...] }

    private mutating func skipWhiteSpace() {
        rest = rest.drop { $0 == 0x20 || $0 == 0x09 || $0 == 0x0d || $0 == 0x0a }
    }

    var isAtEnd: Bool {
        var copy = self
        copy.skipWhiteSpace()
        return copy.rest.isEmpty
    }

    mutating func take(_ token: StaticString) -> Bool {
        skipWhiteSpace()
        let wanted = UnsafeRawBufferPointer(start: token.utf8Start, count: token.utf8CodeUnitCount)
        guard rest.starts(with: wanted) else { return false }
        rest = rest.dropFirst(wanted.count)
        return true
    }

    /// A string without its quotes, escapes left as they are.
    mutating func takeName() -> Slice<UnsafeRawBufferPointer>? {
        guard take("\"") else { return nil }
        var end = rest.startIndex
        while end < rest.endIndex, rest[end] != 0x22 {
            end += rest[end] == 0x5c ? 2 : 1
        }
        guard end < rest.endIndex else { return nil }
        let name = rest[rest.startIndex..<end]
        rest = rest[(end + 1)...]
        return name
    }
}
