/// The smallest file of a time zone with daylight saving for ever.
public let smallestZone: [UInt8] = {
    func header(types: UInt8, characters: UInt8) -> [UInt8] {
        var bytes = Array("TZif2".utf8) + [UInt8](repeating: 0, count: 39)
        bytes[39] = types
        bytes[43] = characters
        return bytes
    }
    return header(types: 1, characters: 1) + [UInt8](repeating: 0, count: 7) + header(types: 1, characters: 4)
        + [0, 0, 0x0e, 0x10, 0, 0] + Array("CET\0".utf8) + Array("\nCET-1CEST,M3.5.0,M10.5.0/3\n".utf8)
}()
