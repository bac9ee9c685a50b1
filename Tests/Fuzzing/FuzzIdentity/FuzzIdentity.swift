import Fuzzer
import LinuxSystem
import OperationLogs

@testable import Spool

/// Any bytes are an identity that can be written again, or are told as damaged or of another version.
///
/// Input: a byte, then the file; if the byte is odd, each line gets the checksum that it needs.
@main enum FuzzIdentity {
    static func main() {
        fuzz { data, size in
            FuzzIdentity.test(ByteFeed(data, size))
            return 0
        }
    }

    private static func test(_ input: ByteFeed) {
        var feed = input
        let isMended = feed.byte() & 1 == 1
        var bytes = Array(feed.rest)
        if isMended { bytes = mended(bytes) }
        switch SpoolIdentity.read(bytes) {
        case .valid(let identity, let goodBytes):
            require((1...bytes.count).contains(goodBytes), "what is good lies within")
            require(
                SpoolIdentity.read(Array(bytes.prefix(goodBytes))) == .valid(identity, goodBytes: goodBytes),
                "without its torn end it is the same")
            let entries: [IdentityEntry] =
                identity.runs.map { .run($0) } + identity.forks.map { .fork($0) }
                + (identity.isDisputed ? [.dispute(true, time: "t")] : [])
                + (identity.server.map { [.server($0, time: "t")] } ?? [])
            let lines =
                identity.head
                + (entries + identity.gaps.map { .gap($0) } + identity.accepted.map { .accepted($0) })
                .map(\.content)
            let written = Array(lines.map(ChecksummedLine.of).joined().utf8)
            require(
                SpoolIdentity.read(written) == .valid(identity, goodBytes: written.count),
                "written again it is the same")
        case .damaged(let offset): require((0...bytes.count).contains(offset), "the damage lies within")
        case .unknownVersion(let version): require(version != "opslogd-spool 1", "its own version is known")
        }
        let inspector = try? SpoolInspector(MemoryDisk(["identity": bytes]))
        _ = try? inspector?.identity()
    }

    private static func mended(_ bytes: [UInt8]) -> [UInt8] {
        var mended: [UInt8] = []
        for line in bytes.split(separator: 0x0a, omittingEmptySubsequences: false).dropLast() {
            let crc = String(line.withUnsafeBytes { CRC32C.of($0) }, radix: 16)
            mended += line
            mended += " crc32c=\(String(repeating: "0", count: 8 - crc.utf8.count))\(crc)\n".utf8
        }
        // What stands behind the last line's end is torn.
        return mended + (bytes.split(separator: 0x0a, omittingEmptySubsequences: false).last ?? [])
    }
}
