/// Numbers the distinct names of a batch from 0, in the order in which they come. Names are compared in place; nothing
/// is allocated for one that is known.
struct PipelineTable {
    private var names: [UnsafeRawBufferPointer] = []
    /// Open addressing, linear probing: the index of a name, or -1. At most half full.
    private var slots: [Int32]

    /// - Parameter capacity: how many names there can be at most.
    init(capacity: Int) {
        var size = 16
        while size < capacity * 2 { size *= 2 }
        slots = [Int32](repeating: -1, count: size)
    }

    /// The index of a name, which stays valid memory for as long as the table is used.
    mutating func index(of name: UnsafeRawBufferPointer) -> Int {
        // Hasher is seeded anew in each process: names chosen to collide do not.
        var hasher = Hasher()
        hasher.combine(bytes: name)
        var slot = hasher.finalize() & (slots.count - 1)
        while true {
            let index = Int(slots[slot])
            if index < 0 {
                slots[slot] = Int32(names.count)
                names.append(name)
                return names.count - 1
            }
            if names[index].elementsEqual(name) { return index }
            slot = (slot + 1) & (slots.count - 1)
        }
    }
}
