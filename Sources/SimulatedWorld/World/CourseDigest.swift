import LinuxSystem

/// A digest of all that happens, one thing after the other: two courses with the same digest are the same.
package struct CourseDigest: Sendable {
    package private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

    package init() {}

    package mutating func take(_ number: UInt64) { value = (value ^ number) &* 0x100_0000_01b3 }
    package mutating func take(_ text: String) { for byte in text.utf8 { take(UInt64(byte)) } }
    /// Of many bytes the checksum, which is quicker.
    package mutating func take(_ bytes: UnsafeRawBufferPointer) { take(UInt64(CRC32C.of(bytes))) }
}
