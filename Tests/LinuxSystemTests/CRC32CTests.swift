import CLinux
import LinuxSystem
import Testing

@Suite struct CRC32CTests {
    /// The definition, bit by bit.
    private static func bitwise(_ bytes: some Sequence<UInt8>, from crc: UInt32 = 0) -> UInt32 {
        var crc = ~crc
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0x82f6_3b78 : crc >> 1 }
        }
        return ~crc
    }

    private static func pattern(_ count: Int) -> [UInt8] {
        var state: UInt64 = 0x9e37_79b9_7f4a_7c15
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 33)
        }
    }

    /// A SCSI read command PDU of iSCSI.
    private static let command: [UInt8] = [
        0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0, 0, 0, 0, 0x14, 0, 0, 0,
        0x18,
        0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0, 0,
    ]

    /// RFC 3720, appendix B.4, and the check value of the algorithm's catalogue.
    private static let published: [(bytes: [UInt8], value: UInt32)] = [
        ([UInt8](repeating: 0, count: 32), 0x8a91_36aa), ([UInt8](repeating: 0xff, count: 32), 0x62a8_ab43),
        ([UInt8](0...31), 0x46dd_794e), ([UInt8]((0...31).reversed()), 0x113f_db5c), (command, 0xd996_3a56),
        (Array("123456789".utf8), 0xe306_9283), ([], 0),
    ]

    @Test(arguments: published)
    func `the published values come out`(_ bytes: [UInt8], _ expected: UInt32) {
        #expect(bytes.withUnsafeBytes { CRC32C.of($0) } == expected)
        #expect(Self.bitwise(bytes) == expected)
        #expect(bytes.withUnsafeBytes { clinux_crc32c_by_table(0, $0.baseAddress, $0.count) } == expected)
    }

    @Test func `instruction and table agree at every length up to 10,000, with the definition in steps`() {
        let bytes = Self.pattern(10_000)
        var defined: UInt32 = 0
        bytes.withUnsafeBytes { all in
            for length in 0...all.count {
                if length > 0 { defined = Self.bitwise(CollectionOfOne(all[length - 1]), from: defined) }
                let part = UnsafeRawBufferPointer(rebasing: all[..<length])
                guard CRC32C.of(part) == defined, clinux_crc32c_by_table(0, part.baseAddress, length) == defined else {
                    Issue.record("length \(length)")
                    return
                }
            }
        }
    }

    @Test func `however the bytes are split and aligned, the value is the same`() {
        let bytes = Self.pattern(8000)
        bytes.withUnsafeBytes { all in
            for start in 0..<9 {
                let part = UnsafeRawBufferPointer(rebasing: all[start...])
                let whole = CRC32C.of(part)
                for split in stride(from: 0, through: part.count, by: 61) {
                    var crc = CRC32C()
                    crc.update(UnsafeRawBufferPointer(rebasing: part[..<split]))
                    crc.update(UnsafeRawBufferPointer(rebasing: part[split...]))
                    #expect(crc.value == whole)
                }
            }
        }
    }
}
