import LinuxSystem
import OperationLogs

/// The files of the dead letters, read as text: a list for people shows a letter once, however often it was written.
struct JournalBooks {
    /// A dead letter, or the end of one, that stands in the files twice; nil if none does.
    ///
    /// - Parameters:
    ///   - damaged: letters that may stand there again, beside a line that is none any more.
    ///   - isTidied: whether files are dropped, before which their tombstones are written again.
    static func firstDouble(in disk: SimulatedDisk, damaged: Set<UInt64>, isTidied: Bool) throws -> String? {
        let directory = try disk.directory("dead-letters")
        var seen: Set<String> = []
        for name in try directory.names() where name.hasSuffix(".dead") {
            let file = try directory.open(name, .reading)
            var bytes = [UInt8](repeating: 0, count: Int(try file.length()))
            let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
            for line in bytes.prefix(count).split(separator: 0x0a) {
                guard let letter = letter(line) else { continue }
                if isTidied, letter.hasPrefix("t") { continue }
                if !seen.insert(letter).inserted, !damaged.contains(number(letter)) { return letter }
            }
        }
        return nil
    }

    /// The letters whose lines a damage to these bytes concerns: the line behind, too, if a line's end is lost.
    static func letters(in bytes: [UInt8], touching range: Range<Int>) -> Set<UInt64> {
        var ids: Set<UInt64> = []
        var start = 0
        for line in bytes.split(separator: 0x0a, omittingEmptySubsequences: false) {
            let end = start + line.count + 1
            if start <= range.upperBound, range.lowerBound < end, let letter = letter(line),
                case let id = number(letter), id > 0
            {
                ids.insert(id)
            }
            start = end
        }
        return ids
    }

    private static func number(_ letter: String) -> UInt64 { UInt64(letter.dropFirst(2)) ?? 0 }

    /// `CHECKSUM KIND {"id":"NUMBER",…}`: the kind and the number; nil of a first line, and what is torn.
    private static func letter(_ line: ArraySlice<UInt8>) -> String? {
        let words = line.split(separator: 0x20, maxSplits: 2)
        guard words.count == 3, words[0].count == 8, [[0x64], [0x72], [0x74]].contains(words[1]), line.last == 0x7d,
            !line.contains(0), words[2].starts(with: "{\"id\":\"".utf8)
        else { return nil }
        return String(decoding: words[1] + [0x20] + words[2].dropFirst(7).prefix(20), as: UTF8.self)
    }
}
