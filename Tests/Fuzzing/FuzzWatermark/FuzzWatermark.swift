import Fuzzer
import OperationLogs

@testable import Delivery

/// Whatever stands in a snapshot about a pipeline is read or refused, and what was read is written again as it was.
@main enum FuzzWatermark {
    static func main() {
        fuzz { data, size in
            FuzzWatermark.test(ByteFeed(data, size))
            return 0
        }
    }

    private static func test(_ input: ByteFeed) {
        var input = input
        let key = input.take(Int(input.byte()) % 8)
        let value = Array(input.rest)
        guard let entry = WatermarkEntry(key: key, value: value) else { return }
        let written = entry.encoded(of: key)
        require(written.key == key, "the key is the same")
        require(written.value.count == value.count, "nothing is added or left out")
        guard let again = WatermarkEntry(key: key, value: written.value) else {
            return require(false, "what was written reads back")
        }
        require(again.encoded(of: key).value == written.value, "and is the same")
        guard case .pipeline(let chain) = again else { return }
        guard let row = chain.applied(to: nil, of: key) else { return require(false, "a chain makes a row") }
        require(row.updatedAt == chain.steps.last?.updatedAt, "its newest step decides")
        guard let twice = chain.applied(to: row, of: key) else { return require(false, "once more changes nothing") }
        require(twice == row, "once more changes nothing")
    }
}
