import Fuzzer
import OperationLogs

@testable import Intake

/// Any bytes are a file's position that is written again as it was, or none.
@main enum FuzzFilePosition {
    static func main() {
        fuzz { data, size in
            FuzzFilePosition.test(ByteFeed(data, size))
            return 0
        }
    }

    private static func test(_ input: ByteFeed) {
        let bytes = Array(input.rest)
        if let mark = FileInputMark(bytes) {
            let written = FileInputMark(mark.encoded)
            if bytes[0] == 1 { require(mark.encoded == bytes, "a mark without paths is written as it was") }
            if mark.held.keys.allSatisfy({ $0.utf8.count <= 4096 }) {
                require(written == mark, "an input's mark reads back")
            }
            for path in mark.held.keys {
                require(written.map { $0.seenUntil(in: path) <= mark.seenUntil(in: path) } ?? false, "no later time")
            }
        }
        guard let position = FilePosition(bytes) else { return }
        let written = position.encoded
        require(FilePosition(written) == position, "what was written reads back")
        require(written[4..<92].elementsEqual(bytes[4..<92]), "the numbers are kept")
        // Older versions have one number less.
        let rest = bytes[(bytes[0] == 3 ? 100 : 92)...]
        let beforePath = 6 * position.beginning.lineEnds.count + position.mark.tail.count
        require(written[100...].prefix(beforePath).elementsEqual(rest.prefix(beforePath)), "hashes and tail are kept")
        let path = rest.dropFirst(beforePath)
        if String(validating: path, as: UTF8.self) != nil {
            require(written[(100 + beforePath)...].elementsEqual(path), "the path is kept")
        }
        require(position.fingerprintLength <= FilePosition.fingerprintBytes, "the fingerprint is bounded")
        if position.mark.offset <= UInt64(Int64.max) {
            var mark = position.mark
            withExactCopy(bytes) { mark.advance(over: $0) }
            require(mark.tail.count <= ContentMark.tailBytes, "the tail is bounded")
            require(bytes.suffix(64).elementsEqual(mark.tail.suffix(min(64, bytes.count))), "it is the last bytes")
        }
    }
}
