/// Mixes 64-bit words into one, each bit of each word into all of it (the finalizer of SplitMix64, a word at a time).
///
/// Not against forgers: who can write the spool's files can write anything. It tells histories apart.
struct ChainMix {
    private(set) var value: UInt64

    init(_ value: UInt64) {
        self.value = value
    }

    mutating func add(_ word: UInt64) {
        var mixed = (value ^ word) &+ 0x9e37_79b9_7f4a_7c15
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        value = mixed ^ (mixed >> 31)
    }
}
