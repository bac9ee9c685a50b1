import Synchronization

/// Memory of full chunks, used again: under load a chunk is made and let go every millisecond, and fresh pages would
/// cost the kernel a sixth of the processor time that the way into the spool takes (measured).
///
/// Shared by all inputs; taken and given back once a chunk.
final class ChunkMemory: Sendable {
    static let shared = ChunkMemory()
    /// A chunk closes with the record that passes its limit: room for that one, and for the tables behind the records.
    static let blockBytes = RecordLayout.fullChunk + (128 << 10)
    /// Of what an input has under way; more go back to the allocator.
    private static let keptBlocks = 8

    private let free = Mutex<[Block]>([])

    private struct Block: @unchecked Sendable {
        let base: UnsafeMutableRawPointer
    }

    deinit { free.withLock { for block in $0 { block.base.deallocate() } } }

    /// `blockBytes` bytes.
    func take() -> UnsafeMutableRawPointer {
        if let block = free.withLock({ $0.popLast() }) { return block.base }
        return .allocate(byteCount: Self.blockBytes, alignment: 16)
    }

    /// Takes memory over that was made by `take()`, or by the allocator with another capacity.
    func giveBack(_ base: UnsafeMutableRawPointer, capacity: Int) {
        let block = Block(base: base)
        let isKept =
            capacity == Self.blockBytes
            && free.withLock { free in
                guard free.count < Self.keptBlocks else { return false }
                free.append(block)
                return true
            }
        if !isKept { base.deallocate() }
    }
}
