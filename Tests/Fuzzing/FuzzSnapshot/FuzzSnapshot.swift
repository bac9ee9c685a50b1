import Fuzzer
import OperationLogs

@testable import Spool

/// Any bytes are a snapshot that can be written again, or none.
@main enum FuzzSnapshot {
    static func main() {
        fuzz { data, size in
            FuzzSnapshot.test(ByteFeed(data, size))
            return 0
        }
    }

    private static func test(_ input: ByteFeed) {
        withExactCopy(input.rest) { bytes in
            guard let read = Snapshot.read(bytes) else { return }
            let positions = Dictionary(read.positions) { $1 }
            let written = Snapshot.bytes(positions: positions, pipelines: read.pipelines)
            require(written.count <= bytes.count, "nothing is added")
            guard let again = withExactCopy(written, Snapshot.read) else {
                return require(false, "what was written reads back")
            }
            require(Dictionary(again.positions) { $1 } == positions, "the positions are the same")
            require(
                again.pipelines.elementsEqual(read.pipelines) { $0.key == $1.key && $0.value == $1.value },
                "the pipelines are the same")
        }
    }
}
