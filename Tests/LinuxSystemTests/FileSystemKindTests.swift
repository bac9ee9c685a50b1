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

    @Test(
        arguments: [
            0x6969, 0xfe53_4d42, 0xff53_4d42, 0x517b, 0x0102_1997, 0x00c3_6400, 0x5346_414f, 0x6b41_4653, 0x6573_5546,
            0x0bd0_0bd0, 0x786f_4256,
        ] as [UInt32])
    func `where other machines or a program write, watches are told of nothing that they do`(magic: UInt32) {
        #expect(FileSystemKind.of(magic: magic) { [] }.unwatchedWriters != nil)
    }

    @Test(arguments: [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x794c_7630] as [UInt32])
    func `what only this machine writes to is watched, and not looked through`(magic: UInt32) {
        #expect(FileSystemKind.of(magic: magic) { [] }.unwatchedWriters == nil)
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
