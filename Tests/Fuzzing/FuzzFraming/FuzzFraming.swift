import Fuzzer
import OperationLogs

/// However the bytes of a source are split into reads, the records are the same.
///
/// Input: a byte of options, four bytes that say how to split, the bytes of the source.
@main enum FuzzFraming {
    static func main() {
        fuzz { data, size in
            FuzzFraming.test(ByteFeed(data, size))
            return 0
        }
    }

    private static func test(_ input: ByteFeed) {
        var feed = input
        let flags = feed.byte()
        var generator = SplitMix64(seed: feed.number(4))
        let options = LineEncoder.Options(
            maxLineBytes: flags & 1 == 0 ? 1 << 20 : 16, maxFutureMicroseconds: 86_400_000_000,
            counting: flags & 2 == 0 ? .lines : .bytes, takesControlLines: flags & 4 != 0, reportsRejections: true)
        let finishes = flags & 8 == 0
        let longest = 1 << Int(flags >> 4 & 7)
        var pieces: [ArraySlice<UInt8>] = []
        var rest = feed.rest
        while !rest.isEmpty {
            let count = Int.random(in: flags & 128 == 0 ? 1...longest : 0...longest, using: &generator)
            pieces.append(rest.prefix(count))
            rest = rest.dropFirst(count)
        }
        let whole = LineRun([feed.rest], options, finishes: finishes)
        let split = LineRun(pieces, options, finishes: finishes)
        require(split == whole, "\(split)\nis not\n\(whole)")
    }
}
