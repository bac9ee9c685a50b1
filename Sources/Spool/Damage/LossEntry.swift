import OperationLogs

/// A line of the file `losses`: what was lost, and what became of it.
enum LossEntry: Sendable, Hashable {
    enum Verdict: String, Sendable {
        /// Whether a line of the range was delivered is not known before the database has been asked.
        case open
        /// The whole range lies above every lane's position: none of its lines was delivered.
        case free
        /// Some of its lines may have been delivered.
        case aside
    }

    case range(Int, LossNotice)
    case source(Int, Int, SourceRange)
    /// A source whose newest position may have stood in the range.
    case doubt(Int, key: [UInt8])
    /// That source's position is known again.
    case certain(Int, key: [UInt8])
    /// All lines about the range are there.
    case noted(Int, Verdict)
    /// The dead letters hold no record of the range.
    case cleared(Int)
    /// With the names of the inputs that a doubt concerns.
    case decided(Int, Verdict, inputs: [String])
    /// An input has gone on behind all that a doubt concerns.
    case over(Int, input: String)
    /// The operator's word.
    case reread(Int, time: String)
    /// The lines of a source are in the spool again.
    case done(Int, Int)
    /// Nothing is left to happen with it, and that record comes next.
    case resting(Int, at: SequenceNumber)

    var content: String {
        switch self {
        case .range(let number, let loss):
            "range \(number) \(loss.name) \(loss.spool) \(loss.time) \(loss.until) "
                + (loss.isDoubtful ? "doubtful" : "known")
        case .source(let number, let index, let bytes):
            "source \(number) \(index) \(Word.of(bytes.input)) \(Word.of(bytes.path)) \(bytes.from) "
                + "\(bytes.upTo.map { "\($0)" } ?? "-") \(bytes.isExact ? "exact" : "about") \(Word.hex(bytes.key)) "
                + Word.hex(bytes.identity)
        case .doubt(let number, let key): "doubt \(number) \(Word.hex(key))"
        case .certain(let number, let key): "certain \(number) \(Word.hex(key))"
        case .noted(let number, let verdict): "noted \(number) \(verdict.rawValue)"
        case .cleared(let number): "cleared \(number)"
        case .decided(let number, let verdict, let inputs):
            (["decided \(number) \(verdict.rawValue)"] + inputs.map(Word.of)).joined(separator: " ")
        case .over(let number, let input): "over \(number) \(Word.of(input))"
        case .reread(let number, let time): "reread \(number) \(time)"
        case .done(let number, let index): "done \(number) \(index)"
        case .resting(let number, let at): "resting \(number) \(at.rawValue)"
        }
    }

    init?(_ content: String) {
        let words = content.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        guard words.count > 1, let number = Int(words[1]), number > 0 else { return nil }
        switch (words[0], words.count) {
        case ("range", 7):
            guard let spool = UniqueID(words[3]), let until = Int64(words[5]) else { return nil }
            self = .range(
                number,
                LossNotice(
                    name: words[2], spool: spool, time: words[4], until: until, isDoubtful: words[6] == "doubtful"))
        case ("source", 10):
            guard let index = Int(words[2]), let input = Word.text(words[3]), let path = Word.text(words[4]),
                let from = UInt64(words[5]), let key = Word.bytes(words[8]), let identity = Word.bytes(words[9]),
                words[6] == "-" || UInt64(words[6]) != nil
            else { return nil }
            self = .source(
                number, index,
                SourceRange(
                    input: input, path: path, from: from, upTo: UInt64(words[6]), isExact: words[7] == "exact",
                    key: key, identity: identity))
        case ("doubt", 3):
            guard let key = Word.bytes(words[2]) else { return nil }
            self = .doubt(number, key: key)
        case ("certain", 3):
            guard let key = Word.bytes(words[2]) else { return nil }
            self = .certain(number, key: key)
        case ("noted", 3):
            guard let verdict = Verdict(rawValue: words[2]) else { return nil }
            self = .noted(number, verdict)
        case ("cleared", 2): self = .cleared(number)
        case ("decided", 3...):
            let inputs = words[3...].compactMap(Word.text)
            guard let verdict = Verdict(rawValue: words[2]), inputs.count == words.count - 3 else { return nil }
            self = .decided(number, verdict, inputs: inputs)
        case ("over", 3):
            guard let input = Word.text(words[2]) else { return nil }
            self = .over(number, input: input)
        case ("reread", 3): self = .reread(number, time: words[2])
        case ("done", 3):
            guard let index = Int(words[2]) else { return nil }
            self = .done(number, index)
        case ("resting", 3):
            guard let at = UInt64(words[2]) else { return nil }
            self = .resting(number, at: SequenceNumber(at))
        default: return nil
        }
    }
}

/// The line that begins the account of a lost range.
struct LossNotice: Sendable, Hashable {
    /// Of the copy in `quarantine/`, which has segment, offset and numbers; `…-end` for a torn or damaged end.
    var name: String
    /// Under which the spool was delivered at that time.
    var spool: UniqueID
    var time: String
    /// Nanoseconds since 1970: what was made later is not of the range.
    var until: Int64
    /// Whether positions of sources may have stood in it that stand nowhere behind it.
    var isDoubtful: Bool

    /// The file's name within `segments/`.
    var segment: Substring { name.prefix { $0 != "-" } }

    /// The first number that was lost; nil if the name tells none.
    var first: SequenceNumber? {
        if let range = LostRange.named(name) { return range.first }
        let parts = name.split(separator: "-")
        return parts.count == 4 && parts[3] == "end" ? UInt64(parts[2]).map { SequenceNumber($0) } : nil
    }

    /// Behind the last number that was lost; nil where nobody knows.
    var next: SequenceNumber? { LostRange.named(name)?.next }

    /// Whether it is known that some of these records were lost.
    func concerns(_ first: SequenceNumber, before next: SequenceNumber) -> Bool {
        guard let lost = self.first, let end = self.next else { return false }
        return lost < next && first < end
    }

    /// What a torn or damaged end is called, from where no number is known.
    static func endName(segment: String, offset: UInt64, first: SequenceNumber) -> String {
        "\(segment)-\(offset)-\(first.rawValue)-end"
    }
}

/// Words of a line: without spaces or line ends in them.
private enum Word {
    private static let plain = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/:@+=,~-".utf8)

    static func of(_ text: String) -> String {
        guard !text.isEmpty else { return "%" }
        return text.utf8.map { plain.contains($0) ? String(UnicodeScalar($0)) : "%" + hex([$0]) }.joined()
    }

    static func text(_ word: String) -> String? {
        guard word != "%" else { return "" }
        var found: [UInt8] = []
        var rest = Array(word.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == 0x25 {
                guard let decoded = bytes(String(decoding: rest.prefix(2), as: UTF8.self)), decoded.count == 1 else {
                    return nil
                }
                found += decoded
                rest = rest.dropFirst(2)
            } else {
                found.append(byte)
            }
        }
        return String(validating: found, as: UTF8.self)
    }

    static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    static func bytes(_ hex: String) -> [UInt8]? {
        let digits = Array(hex.utf8)
        guard digits.count % 2 == 0 else { return nil }
        var found: [UInt8] = []
        found.reserveCapacity(digits.count / 2)
        for at in stride(from: 0, to: digits.count, by: 2) {
            guard let high = value(digits[at]), let low = value(digits[at + 1]) else { return nil }
            found.append(high << 4 | low)
        }
        return found
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x61...0x66: digit - 0x57
        default: nil
        }
    }
}
