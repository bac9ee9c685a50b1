import Fuzzer
import Instruments
import LinuxSystem
import OperationLogs

@testable import DeadLetters

/// Any bytes as a file of dead letters: however they are read it holds the same lines, a letter that can be read is
/// written again as it was, and after a start the list names what is intact and nothing else.
///
/// Input: a byte, then the file. By the byte's low bits it gets a first line, and each line the checksum it needs.
@main enum FuzzJournal {
    private static let spool = UniqueID(high: 0x1111_2222_3333_4444, low: 0x8555_6666_7777_8888)

    static func main() {
        fuzz { data, size in
            FuzzJournal.test(ByteFeed(data, size))
            return 0
        }
    }

    private static func test(_ input: ByteFeed) {
        var feed = input
        let flags = feed.byte()
        var generator = SplitMix64(seed: UInt64(flags))
        var bytes = Array(feed.rest)
        if flags & 2 != 0 { bytes = mended(bytes) }
        if flags & 1 != 0 { bytes = JournalHeader(spool: spool).line + bytes }
        let whole = lines([bytes[...]])
        var pieces: [ArraySlice<UInt8>] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            pieces.append(rest.prefix(Int.random(in: 1...40, using: &generator)))
            rest = rest.dropFirst(pieces.last?.count ?? 0)
        }
        require(lines(pieces) == whole, "however it is read, the lines are the same")
        for case .entry(let entry) in whole { check(entry, in: bytes) }
        open(bytes, flags)
    }

    /// As the store writes it; nil for one that it does not write.
    private static func fate(_ ending: DeadLetterEnding) -> LetterFate? {
        switch (ending.fate, ending.successor) {
        case (.retried, let successor?): .retried(as: successor)
        case (.discarded, nil): .discarded
        default: nil
        }
    }

    private static func lines(_ pieces: [ArraySlice<UInt8>]) -> [JournalLine] {
        var scan = JournalScan()
        var lines: [JournalLine] = []
        for piece in pieces { withExactCopy(piece) { scan.take($0) { lines.append($0) } } }
        return lines
    }

    private static func check(_ entry: JournalEntry, in bytes: [UInt8]) {
        let line = bytes.dropFirst(Int(entry.offset)).prefix(entry.length)
        let json = line.dropFirst(JournalEntry.headBytes)
        withExactCopy(json) { bytes in
            if let ending = StoredLetter.readEnding(bytes) {
                require(ending.id == entry.id, "the ending has its entry's id")
                if let time = ending.time, let fate = fate(ending) {
                    let written = LetterEnd(id: ending.id, fate: fate, time: time).json
                    require(
                        withExactCopy(written.utf8, StoredLetter.readEnding) == ending, "it is read as it is written")
                }
            }
            guard let letter = StoredLetter.read(bytes) else { return }
            require(letter.id == entry.id, "the letter has its entry's id")
            let again = withExactCopy(letter.json.utf8, StoredLetter.read)
            require(again == letter, "written again it is the same letter")
        }
        guard let kind = entry.kind, let text = String(validating: json, as: UTF8.self) else { return }
        var written: [UInt8] = []
        JournalEntry.write(kind, text, to: &written)
        require(written.dropLast().elementsEqual(line), "written again it is the same line")
    }

    /// A start on it, and the list before and after.
    private static func open(_ bytes: [UInt8], _ flags: UInt8) {
        // As the last file, or with another behind it.
        var files = ["0000000001.dead": bytes]
        if flags & 4 != 0 { files["0000000002.dead"] = JournalHeader(spool: spool).line }
        let disk = MemoryDisk(folders: ["dead-letters": MemoryDisk(files)])
        do {
            let before = try listed(disk)
            // No room at all, or as much as is wanted.
            let drops = flags & 16 != 0
            let limits = DeadLetterLimits(maxBytes: 64, whenFull: drops ? .dropOldest : .wait, inputs: ["a"])
            let store = try DeadLetterStore(
                in: disk, spool: spool, lowestPosition: .zero, registry: Registry(), diagnostics: .silent,
                limits: flags & 8 != 0 ? limits : nil)
            let after = try listed(disk)
            require(before == after, "a start takes nothing away that was intact")
            try store.tidy(Timestamp(microseconds: 0), firstKept: flags & 32 != 0 ? .zero : .largest)
            let tidied = try listed(disk)
            let left = Set(tidied.map(\.id))
            require(tidied == after.filter { left.contains($0.id) }, "what is left is as it was")
            require(
                drops && flags & 8 != 0 || tidied.count == after.count, "nothing is dropped that nobody wants dropped")
        } catch DeadLetterStoreError.unknownVersion {
        } catch {
            require(false, "whatever stands there, the store opens: \(error)")
        }
    }

    private static func listed(_ disk: MemoryDisk) throws -> [DeadLetter] {
        var found: [DeadLetter] = []
        try DeadLetterList(in: disk).forEach {
            found.append($0)
            return true
        }
        let ids = found.map(\.id)
        require(Set(ids).count == ids.count && ids == ids.sorted(), "each letter once, in order")
        return found
    }

    private static func mended(_ bytes: [UInt8]) -> [UInt8] {
        let lines = bytes.split(separator: 0x0a, omittingEmptySubsequences: false)
        let ended = lines.dropLast().flatMap { line in
            let crc = String(line.withUnsafeBytes { CRC32C.of($0) }, radix: 16)
            return Array("\(String(repeating: "0", count: 8 - crc.utf8.count))\(crc) ".utf8) + line + [0x0a]
        }
        return ended + (lines.last ?? [])
    }
}
