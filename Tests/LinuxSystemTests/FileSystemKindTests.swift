import Testing

@testable import LinuxSystem

@Suite struct FileSystemKindTests {
    @Test(
        arguments: [
            (0xef53, .local), (0x5846_5342, .local), (0x9123_683e, .local), (0x6969, .network("NFS")),
            (0xff53_4d42, .network("CIFS")), (0x0102_1994, .memory), (0x6573_5546, .userSpace),
        ] as [(UInt32, FileSystemKind)])
    func `the magic number tells the kind`(magic: UInt32, kind: FileSystemKind) {
        #expect(FileSystemKind.of(magic: magic) { ["rw", "volatile"] } == kind)
    }

    @Test func `an overlay is volatile if its mount says so`() {
        let magic: UInt32 = 0x794c_7630
        #expect(FileSystemKind.of(magic: magic) { ["rw", "volatile"] } == .overlay(isVolatile: true))
        #expect(FileSystemKind.of(magic: magic) { ["rw", "fsync=volatile"] } == .overlay(isVolatile: true))
        #expect(FileSystemKind.of(magic: magic) { ["rw", "lowerdir=/volatile"] } == .overlay(isVolatile: false))
    }

    @Test func `a path is asked for its file system, and one that is not there is an error`() throws {
        #expect(try FileSystemKind.of("/dev/shm") == .memory)
        let error = #expect(throws: SystemError.self) { try FileSystemKind.of("/nowhere/at/all") }
        #expect(error?.call == "statfs")
    }
}
