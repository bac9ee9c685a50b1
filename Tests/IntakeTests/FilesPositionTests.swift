import LinuxSystem
import Testing

@testable import Intake

@Suite struct FilesPositionTests {
    private func bytes(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) } }

    @Test func `the hash is the same however the bytes come`() {
        let all = bytes(1000)
        let whole = all.withUnsafeBytes { ContentHash.of($0) }
        for step in [1, 3, 7, 8, 9, 64, 999] {
            var hash = ContentHash()
            for start in stride(from: 0, to: all.count, by: step) {
                all[start..<min(start + step, all.count)].withUnsafeBytes { hash.update($0) }
                // A restart in between.
                hash = ContentHash(state: hash.state, pending: hash.pending, count: hash.count)
            }
            #expect(hash == whole)
        }
    }

    @Test func `each bit of the bytes, and their number, shows in the hash`() {
        var seen: Set<UInt64> = []
        var all = bytes(41)
        for bit in 0..<(41 * 8) {
            all[bit / 8] ^= 1 << UInt8(bit % 8)
            seen.insert(all.withUnsafeBytes { ContentHash.of($0).value })
            all[bit / 8] ^= 1 << UInt8(bit % 8)
        }
        for count in 0...41 { seen.insert(all.prefix(count).withUnsafeBytes { ContentHash.of($0).value }) }
        for count in 2...41 {
            seen.insert([UInt8](repeating: 0, count: count).withUnsafeBytes { ContentHash.of($0).value })
        }
        #expect(seen.count == 41 * 8 + 42 + 40)
    }

    @Test func `a mark keeps the last 64 bytes`() {
        let all = bytes(500)
        for step in [1, 10, 63, 64, 65, 200] {
            var mark = ContentMark()
            for start in stride(from: 0, to: all.count, by: step) {
                all[start..<min(start + step, all.count)].withUnsafeBytes { mark.advance(over: $0) }
            }
            #expect(mark.offset == 500)
            #expect(mark.tail == Array(all.suffix(64)))
        }
    }

    @Test func `a position comes back as it was written`() throws {
        for (start, length) in [(0, 0), (0, 5), (0, 700), (1000, 0), (1000, 333)] {
            var mark = start == 0 ? ContentMark() : ContentMark(startingAt: UInt64(start), tail: bytes(start))
            bytes(length).withUnsafeBytes { mark.advance(over: $0) }
            for beginning in [ContentBeginning(of: [1, 10, 2, 3, 10, 4]), ContentBeginning(lineEnds: [])] {
                let position = FilePosition(
                    inode: .max, birthNanoseconds: -5, device: 1 << 40, boot: bytes(16), flags: [.skippingNULs],
                    mark: mark, sizeSeen: 99_999, fingerprint: 0x1234_5678_9abc_def0, beginning: beginning,
                    takenFrom: UInt64(start), path: "/var/log/ä.log")
                #expect(try #require(FilePosition(position.encoded)) == position)
                #expect(position.encoded[0] == 3, "the version")
                // As the versions before wrote it: without the number of where reading began.
                var older = position.encoded
                older[0] = beginning.lineEnds.isEmpty ? 1 : 2
                older.removeSubrange(92..<100)
                #expect(FilePosition(older) == position)
            }
        }
    }

    @Test func `a position is of the file with its inode, birth time and, within one boot, device`() throws {
        let position = FilePosition(
            inode: 7, birthNanoseconds: 9, device: 1, boot: bytes(16), flags: [], mark: ContentMark(), sizeSeen: 0,
            fingerprint: 0, beginning: ContentBeginning(lineEnds: []), takenFrom: 0, path: "/a")
        let summary = try #require(
            FilePositionSummary(key: Array("i".utf8) + [0] + bytes(16), value: position.encoded))
        func isOf(_ inode: UInt64, _ birth: Int64, _ device: UInt64, boot: [UInt8]) -> Bool {
            summary.isOf(
                FileIdentity(
                    device: device, inode: inode, birthNanoseconds: birth, size: 0, mode: 0, owner: 0, links: 1,
                    modifiedNanoseconds: 0, changedNanoseconds: 0),
                boot: boot)
        }
        #expect(isOf(7, 9, 1, boot: bytes(16)))
        #expect(!isOf(8, 9, 1, boot: bytes(16)))
        #expect(!isOf(7, 8, 1, boot: bytes(16)))
        #expect(!isOf(7, 9, 2, boot: bytes(16)))
        #expect(isOf(7, 9, 2, boot: [UInt8](repeating: 0, count: 16)), "devices are numbered anew at each boot")
    }

    @Test func `the first lines of what was read are known again in a shorter file`() {
        let lines = (0..<30).map { Array("a line, the number of which is \($0)\n".utf8) }
        let all = lines.flatMap { $0 }
        let beginning = ContentBeginning(of: all)
        #expect(beginning.lineEnds.count == 30)
        for count in 1...30 {
            let shorter = lines.prefix(count).flatMap { $0 }
            #expect(beginning.fits(shorter))
            #expect(beginning.fits(shorter + Array("a li".utf8)), "the rest is no line yet")
            for place in [0, shorter.count / 2, shorter.count - 2] {
                var other = shorter
                other[place] ^= 1
                #expect(!beginning.fits(other))
            }
        }
        #expect(!beginning.fits(Array(lines[0].dropLast())), "no line")
        #expect(!ContentBeginning(of: lines[0]).fits(all), "longer than what was read")
        #expect(!ContentBeginning(lineEnds: []).fits(all), "a position of version 1")
        #expect(ContentBeginning(of: [UInt8](repeating: 0x0a, count: 100)).lineEnds.count == 32)
        #expect(!ContentBeginning(of: all).fits([UInt8](repeating: 0x0a, count: 100)))
    }

    @Test func `a file that ends alike and begins otherwise does not match`() throws {
        let scene = try FileScene()
        var bytes = (0..<3000).map { UInt8(truncatingIfNeeded: $0 / 7) }
        var mark = ContentMark()
        bytes.withUnsafeBytes { mark.advance(over: $0) }
        let comparison = ContentComparison(mark: mark, head: Array(bytes.prefix(FilePosition.fingerprintBytes)))
        for place in [nil, 0, FilePosition.fingerprintBytes - 1, FilePosition.fingerprintBytes, 2999] as [Int?] {
            if let place { bytes[place] ^= 1 }
            try scene.rewrite(bytes, to: "x.log")
            if let place { bytes[place] ^= 1 }
            let file = try InputFile(path: scene.path("x.log"))
            #expect(try (comparison.match(file, size: 3000, thoroughly: true) != nil) == (place == nil))
            // What stands between the first and the last bytes is not looked at.
            let isAlike = place == nil || place == FilePosition.fingerprintBytes
            #expect(try (comparison.match(file, size: 3000, thoroughly: false) != nil) == isAlike)
        }
    }

    @Test func `what is not a position is none`() {
        let position = FilePosition(
            inode: 1, birthNanoseconds: 2, device: 3, boot: bytes(16), flags: [], mark: ContentMark(), sizeSeen: 4,
            fingerprint: 5, beginning: ContentBeginning(of: []), takenFrom: 0, path: "/x")
        let good = position.encoded
        for count in 0..<(good.count - 2) { #expect(FilePosition(Array(good.prefix(count))) == nil) }
        var other = good
        other[0] = 4
        #expect(FilePosition(other) == nil, "an unknown version")
        other = good
        other[92] = 1
        #expect(FilePosition(other) == nil, "reading began behind its end")
        other = good
        other.removeSubrange(92..<100)
        other[0] = 1
        other[3] = 1
        #expect(FilePosition(other) == nil, "version 1 has no hashes of lines")
        other[0] = 2
        other[3] = 33
        #expect(FilePosition(other) == nil, "too many lines")
        other = good
        other[1] = 0x80
        #expect(FilePosition(other) == nil, "an unknown flag")
        other = good
        other[2] = 65
        #expect(FilePosition(other) == nil, "too long a tail")
    }
}
