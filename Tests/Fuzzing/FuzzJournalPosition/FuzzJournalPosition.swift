import Fuzzer
import OperationLogs

@testable import Intake

/// Any bytes are a journal's position that is written again as it was, or none; and its cursors can be asked for numbers.
@main enum FuzzJournalPosition {
    static func main() {
        fuzz { data, size in
            FuzzJournalPosition.test(ByteFeed(data, size))
            return 0
        }
    }

    private static func test(_ input: ByteFeed) {
        let bytes = Array(input.rest)
        _ = JournalPositionKey.input(bytes)
        guard let position = JournalPosition(bytes) else { return }
        require(position.encoded == bytes, "what was read is written as it was")
        require(position.unfinished.count <= JournalPosition.mostUnfinished, "the lines are bounded")
        let places = [position.seen].compactMap { $0 } + position.unfinished.map(\.begin)
        for place in places {
            require(!place.cursor.isEmpty && !place.cursor.utf8.contains(0), "a cursor is text for C")
            for other in places {
                guard let between = place.entries(since: other) else { continue }
                require(other.entries(since: place) == nil, "an order has one direction")
                let first = other.number?.sequence ?? 0
                require(place.number?.sequence == first + between + 1, "the count is that of numbers")
            }
        }
    }
}
