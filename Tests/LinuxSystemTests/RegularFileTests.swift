import Glibc
import LinuxSystem
import Testing

@Suite struct RegularFileTests {
    private func read(_ file: RegularFile, _ count: Int, at offset: UInt64) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0xaa, count: count)
        let got = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: offset) }
        return Array(bytes[..<got])
    }

    private func write(_ file: RegularFile, _ parts: [[UInt8]], at offset: UInt64) throws {
        let joined = parts.flatMap { $0 }
        let outcome = joined.withUnsafeBytes { all in
            var start = 0
            let pieces = parts.map { part in
                defer { start += part.count }
                return UnsafeRawBufferPointer(rebasing: all[start..<start + part.count])
            }
            return Result { () throws(SystemError) in try file.write(pieces, at: offset) }
        }
        try outcome.get()
    }

    @Test func `more parts than one call takes are written one behind the other`() throws {
        let scratch = try ScratchDirectory()
        let file = try scratch.storage.open("a", .creating)
        let parts = (0..<3000).map { [UInt8](repeating: UInt8(truncatingIfNeeded: $0), count: $0 % 7) }
        try write(file, parts, at: 5)
        let all = parts.flatMap { $0 }
        #expect(try file.length() == UInt64(5 + all.count))
        #expect(try read(file, all.count + 100, at: 5) == all)
        #expect(try read(file, 5, at: 0) == [0, 0, 0, 0, 0])
        try file.synchronize()
    }

    @Test func `blocks that are reserved leave the file as long as it is, until it is cut`() throws {
        let scratch = try ScratchDirectory()
        let file = try scratch.storage.open("a", .creating)
        func blockBytes() -> Int {
            var status = stat()
            return stat("\(scratch.path)/a", &status) == 0 ? Int(status.st_blocks) * 512 : -1
        }
        try write(file, [[1, 2, 3]], at: 0)
        file.reserve(upTo: 1 << 20)
        #expect(try file.length() == 3 && blockBytes() >= 1 << 20)
        try file.truncate(to: 3)
        #expect(blockBytes() <= 64 << 10)
    }

    @Test func `nothing to write is nothing`() throws {
        let scratch = try ScratchDirectory()
        let file = try scratch.storage.open("a", .creating)
        try write(file, [], at: 0)
        try write(file, [[], []], at: 100)
        #expect(try file.length() == 0)
    }

    @Test func `a read is short at the end of the file only`() throws {
        let scratch = try ScratchDirectory()
        let file = try scratch.storage.open("a", .creating)
        try write(file, [Array(0..<100)], at: 0)
        #expect(try read(file, 60, at: 0) == Array(0..<60))
        #expect(try read(file, 60, at: 60) == Array(60..<100))
        #expect(try read(file, 60, at: 100).isEmpty)
        #expect(try read(file, 60, at: 5000).isEmpty)
        #expect(try read(file, 0, at: 0).isEmpty)
    }

    @Test func `what is allocated reads as zeros, and truncation cuts`() throws {
        let scratch = try ScratchDirectory()
        let file = try scratch.storage.open("a", .creating)
        try file.allocate(10_000)
        #expect(try file.length() == 10_000)
        #expect(try read(file, 10_001, at: 0) == [UInt8](repeating: 0, count: 10_000))
        try write(file, [[1, 2, 3]], at: 0)
        try file.truncate(to: 2)
        #expect(try read(file, 10, at: 0) == [1, 2])
    }

    @Test func `a file opened for reading is not written`() throws {
        let scratch = try ScratchDirectory()
        _ = try scratch.storage.open("a", .creating)
        let file = try scratch.storage.open("a", .reading)
        let error = #expect(throws: SystemError.self) { try write(file, [[1]], at: 0) }
        #expect(error?.code == EBADF)
        #expect(error?.subject == "\(scratch.path)/a")
    }

    @Test func `a full file system is told apart, and what was there stays`() throws {
        let scratch = try ScratchDirectory()
        let file = try scratch.storage.open("a", .creating)
        try write(file, [[1, 2, 3]], at: 0)
        let error = #expect(throws: SystemError.self) { try file.allocate(1 << 60) }
        #expect(error?.code == ENOSPC || error?.code == EFBIG)
        #expect(try read(file, 10, at: 0) == [1, 2, 3])
    }
}
