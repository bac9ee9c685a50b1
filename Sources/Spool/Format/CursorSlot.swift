import LinuxSystem
import OperationLogs

/// How far each consumer has got, as it stands in one slot of the cursor.
struct CursorSlot: Equatable, Sendable {
    static let length = 512
    static let distance: UInt64 = 4096
    static let laneCount = 8
    private static let magic: [UInt8] = Array("OPSLGCUR".utf8)
    private static let version: UInt16 = 1
    private static let lanesOffset = 72
    private static let laneLength = 40
    private static let checksumOffset = 508

    var generation: UInt64
    var spool: UniqueID
    var run: UniqueID
    var settled: SequenceNumber
    var moved: SequenceNumber
    /// One a lane, in the order of the kinds.
    var lanes: [LanePosition]

    /// Nothing delivered yet, and no run has begun.
    static func beginning(spool: UniqueID) -> CursorSlot {
        CursorSlot(
            generation: 0, spool: spool, run: .zero, settled: .zero, moved: .zero,
            lanes: EventKind.allCases.map { LanePosition(lane: $0, position: .zero, origin: nil) })
    }

    var bytes: [UInt8] {
        var bytes = Self.magic + [UInt8](repeating: 0, count: Self.length - Self.magic.count)
        bytes.withUnsafeMutableBytes { buffer in
            guard let base = buffer.baseAddress else { return }
            base.storeLittleEndian(Self.version, 8)
            base.storeLittleEndian(UInt16(Self.laneCount), 10)
            base.storeLittleEndian(generation, 16)
            base.storeID(spool, 24)
            base.storeID(run, 40)
            base.storeLittleEndian(settled.rawValue, 56)
            base.storeLittleEndian(moved.rawValue, 64)
            for (index, lane) in lanes.prefix(Self.laneCount).enumerated() {
                let at = Self.lanesOffset + index * Self.laneLength
                base.storeLittleEndian(lane.position.rawValue, at)
                guard let origin = lane.origin else { continue }
                base.storeLittleEndian(UInt64(1), at + 8)
                base.storeID(origin.run, at + 16)
                base.storeLittleEndian(origin.chain, at + 32)
            }
            let crc = CRC32C.of(UnsafeRawBufferPointer(buffer).part(0, Self.checksumOffset))
            base.storeLittleEndian(crc, Self.checksumOffset)
        }
        return bytes
    }

    /// Reads a slot; nil if it does not verify, or holds a number that no writer gives.
    static func read(_ bytes: UnsafeRawBufferPointer) -> CursorSlot? {
        guard bytes.count >= length, bytes.prefix(magic.count).elementsEqual(magic),
            bytes.littleEndian(8, as: UInt16.self) == version,
            bytes.littleEndian(10, as: UInt16.self) == UInt16(laneCount),
            bytes.littleEndian(checksumOffset, as: UInt32.self) == CRC32C.of(bytes.part(0, checksumOffset))
        else { return nil }
        let lanes = EventKind.allCases.enumerated().map { index, kind in
            let at = lanesOffset + index * laneLength
            let isKnown = bytes.littleEndian(at + 8, as: UInt64.self) == 1
            return LanePosition(
                lane: kind, position: SequenceNumber(bytes.littleEndian(at, as: UInt64.self)),
                origin: isKnown ? RecordOrigin(run: bytes.id(at + 16), chain: bytes.littleEndian(at + 32)) : nil)
        }
        let slot = CursorSlot(
            generation: bytes.littleEndian(16), spool: bytes.id(24), run: bytes.id(40),
            settled: SequenceNumber(bytes.littleEndian(56, as: UInt64.self)),
            moved: SequenceNumber(bytes.littleEndian(64, as: UInt64.self)), lanes: lanes)
        guard slot.generation < UInt64.max >> 1,
            max(slot.settled, slot.moved) <= .largest, slot.lanes.allSatisfy({ $0.position <= .largest })
        else { return nil }
        return slot
    }
}
