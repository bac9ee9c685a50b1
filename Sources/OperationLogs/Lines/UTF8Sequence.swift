/// UTF-8 as RFC 3629 has it: shortest form, no surrogates, nothing above U+10FFFF.
enum UTF8Sequence {
    /// The length of the valid sequence of more than one byte at `bytes`; 0 if there is none.
    ///
    /// Reads no further than the first byte that does not fit, so that a line's end behind the bytes stops it.
    @inline(__always)
    static func length(_ bytes: UnsafePointer<UInt8>) -> Int {
        let lead = bytes[0]
        switch lead {
        case 0xc2...0xdf:
            return isContinuation(bytes[1]) ? 2 : 0
        case 0xe0...0xef:
            let least: UInt8 = lead == 0xe0 ? 0xa0 : 0x80
            let most: UInt8 = lead == 0xed ? 0x9f : 0xbf
            return bytes[1] >= least && bytes[1] <= most && isContinuation(bytes[2]) ? 3 : 0
        case 0xf0...0xf4:
            let least: UInt8 = lead == 0xf0 ? 0x90 : 0x80
            let most: UInt8 = lead == 0xf4 ? 0x8f : 0xbf
            return bytes[1] >= least && bytes[1] <= most && isContinuation(bytes[2]) && isContinuation(bytes[3]) ? 4 : 0
        default:
            return 0
        }
    }

    @inline(__always)
    private static func isContinuation(_ byte: UInt8) -> Bool { byte & 0xc0 == 0x80 }
}
