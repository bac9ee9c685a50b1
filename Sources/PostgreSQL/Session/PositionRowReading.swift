import Delivery
import OperationLogs

extension PositionRow {
    /// A row of `lockPositions`, in binary format; nil if a value has not the size of its type.
    init?(_ answer: ServerAnswer, _ row: Int) {
        guard let lane = answer.bytes(row, 0), lane.count == 2,
            let position = answer.bytes(row, 1), position.count == 8,
            let run = answer.bytes(row, 2).flatMap({ UniqueID($0) }),
            let chain = answer.bytes(row, 3), chain.count == 8,
            let owner = answer.bytes(row, 4).flatMap({ UniqueID($0) }),
            let kind = UInt8(exactly: lane.bigEndian(0, as: Int16.self)).flatMap({ EventKind(rawValue: $0) })
        else { return nil }
        self.init(
            lane: kind, position: SequenceNumber(position.bigEndian(0, as: UInt64.self)), run: run,
            chain: chain.bigEndian(0, as: UInt64.self), owner: owner)
    }
}

extension UniqueID {
    /// A uuid in binary format.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count == 16 else { return nil }
        self.init(high: bytes.bigEndian(0), low: bytes.bigEndian(8))
    }
}
