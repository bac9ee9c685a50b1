import OperationLogs

/// Tells the spool which bytes of a file lie between two positions of it.
public struct FilePositionReader: SourcePositionReading {
    public let inputs: [String]

    /// - Parameter inputs: the names of all inputs that follow files.
    public init(inputs: [String]) {
        self.inputs = inputs
    }

    public func input(of key: [UInt8]) -> String? { FilePositionKey.input(key) }

    /// From the position before to the first line that is known behind; where a chunk has several files of one path,
    /// nobody can tell whose line that is, and where the file was forgotten, nobody knows how far it had been read.
    public func range(of gap: PositionGap) -> SourceRange? {
        guard let input = input(of: gap.key) else { return nil }
        let before = gap.before.flatMap { FilePosition($0) }
        let after = gap.after.flatMap { FilePosition($0) }
        guard let identity = after ?? before, (gap.before == nil) == (before == nil),
            (gap.after == nil) == (after == nil)
        else { return nil }
        let from = max(before?.mark.offset ?? 0, identity.takenFrom)
        let lines = gap.firstLines(of: input, identity.path, from: from, before: after?.mark.offset ?? .max)
        let namesakes = gap.positions.count { FilePosition($0)?.path == identity.path }
        let isCertain = lines.count <= 1 && namesakes <= 1 && after != nil
        let upTo = isCertain ? lines.first ?? after?.mark.offset : after?.mark.offset
        if let upTo, upTo <= from { return nil }
        return SourceRange(
            input: input, path: identity.path, from: from, upTo: upTo, isExact: isCertain, key: gap.key,
            identity: identity.encoded)
    }

    public func rereading(of key: [UInt8]) -> (range: Int, source: Int)? { RereadingProgress.order(of: key) }

    /// From how far it was known to have come before, to the first line that is known behind.
    public func range(of gap: PositionGap, rereading bytes: SourceRange) -> SourceRange? {
        guard let after = gap.after.flatMap({ RereadingProgress($0) }) else { return nil }
        var lost = bytes
        lost.from = max(bytes.from, gap.before.flatMap { RereadingProgress($0) }?.offset ?? 0)
        let lines = gap.firstLines(of: bytes.input, bytes.path, from: lost.from, before: after.offset)
        lost.isExact = lines.count == 1
        lost.upTo = lost.isExact ? lines[0] : after.offset
        return lost.from < after.offset && lost.from < lost.upTo ?? .max ? lost : nil
    }
}

extension PositionGap {
    /// Where the first lines begin that a chunk holds of files of this name, among these bytes: one for each such file.
    fileprivate func firstLines(of input: String, _ path: String, from: UInt64, before end: UInt64) -> [UInt64] {
        firstLines.filter { line in
            line.originator.kind == .file && line.originator.input == input && line.originator.path == path
                && line.offset >= from && line.offset < end
        }.map(\.offset)
    }
}

extension FilePositionKey {
    /// The input whose file's position it is; nil of any other key.
    static func input(_ key: [UInt8]) -> String? {
        guard let end = key.firstIndex(of: 0), key.count == end + 17 else { return nil }
        return String(validating: key[..<end], as: UTF8.self)
    }
}

/// How far lines of a lost range have been read again: a position of its own, in the chunks that hold them.
struct RereadingProgress: Sendable, Hashable {
    private static let version: UInt8 = 1

    /// Where to go on.
    var offset: UInt64
    var isDone: Bool

    init(offset: UInt64, isDone: Bool) {
        self.offset = offset
        self.isDone = isDone
    }

    init?(_ bytes: [UInt8]) {
        guard bytes.count == 10, bytes[0] == Self.version, bytes[1] <= 1 else { return nil }
        isDone = bytes[1] == 1
        offset = bytes.withUnsafeBytes { $0.littleEndian(2) }
    }

    var encoded: [UInt8] {
        [Self.version, isDone ? 1 : 0] + withUnsafeBytes(of: offset.littleEndian) { Array($0) }
    }

    private static let mark: [UInt8] = Array("reread".utf8)

    /// Never as long as the key of a file's position.
    static func key(_ rereading: Rereading) -> [UInt8] {
        var key = Array(rereading.bytes.input.utf8) + [0] + mark
        for number in [UInt64(rereading.range), UInt64(rereading.source)] {
            withUnsafeBytes(of: number.littleEndian) { key.append(contentsOf: $0) }
        }
        return key
    }

    static func isKey(_ key: [UInt8]) -> Bool { order(of: key) != nil }

    /// The numbers of the range and of the source within it.
    static func order(of key: [UInt8]) -> (range: Int, source: Int)? {
        guard let end = key.firstIndex(of: 0), key.count == end + 1 + mark.count + 16,
            key[(end + 1)...].starts(with: mark)
        else { return nil }
        func number(_ place: Int) -> Int? {
            key.withUnsafeBytes { Int(exactly: $0.littleEndian(end + 1 + mark.count + place, as: UInt64.self)) }
        }
        guard let range = number(0), let source = number(8) else { return nil }
        return (range, source)
    }
}
