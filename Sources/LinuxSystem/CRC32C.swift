import CLinux

/// CRC32C (Castagnoli), by the processor's instruction where it has one.
public struct CRC32C: Sendable, Hashable {
    public private(set) var value: UInt32

    public init(_ value: UInt32 = 0) {
        self.value = value
    }

    /// Continues over more bytes.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress else { return }
        value = clinux_crc32c(value, base, bytes.count)
    }

    public static func of(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        var crc = CRC32C()
        crc.update(bytes)
        return crc.value
    }
}
