import Glibc
import Testing

@testable import LinuxSystem

/// What the loops meet below them: errnos, and counts that are shorter than what was asked for.
private final class Answers {
    enum Answer { case fails(Int32), upTo(Int) }

    private var list: [Answer]
    private(set) var calls = 0

    init(_ list: [Answer]) { self.list = list }

    /// How much of it is done; -1 with errno.
    func next(of wanted: Int) -> Int {
        calls += 1
        guard !list.isEmpty else { return wanted }
        switch list.removeFirst() {
        case .fails(let code):
            errno = code
            return -1
        case .upTo(let count): return min(count, wanted)
        }
    }
}

@Suite struct WholeTransferTests {
    private static let content = (0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 7) }

    private func read(_ count: Int, at offset: Int, _ answers: Answers) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0xaa, count: count)
        let got = bytes.withUnsafeMutableBytes { buffer in
            WholeTransfer.read(into: buffer, at: UInt64(offset)) { rest, at in
                let there = max(0, min(rest.count, Self.content.count - Int(at)))
                let done = answers.next(of: there)
                for index in 0..<max(0, done) { rest[index] = Self.content[Int(at) + index] }
                return done
            }
        }
        return got.map { Array(bytes[..<$0]) }
    }

    private func write(_ parts: [[UInt8]], at offset: Int, _ answers: Answers) -> (isDone: Bool, file: [UInt8]) {
        var file = [UInt8](repeating: 0xaa, count: 8000)
        let joined = parts.flatMap { $0 }
        let isDone = joined.withUnsafeBytes { all in
            var start = 0
            let pieces = parts.map { part in
                defer { start += part.count }
                return UnsafeRawBufferPointer(rebasing: all[start..<start + part.count])
            }
            return WholeTransfer.write(pieces, at: UInt64(offset)) { batch, at in
                #expect(batch.count <= WholeTransfer.partsOfCall && batch.allSatisfy { $0.iov_len > 0 })
                let bytes = batch.flatMap { UnsafeRawBufferPointer(start: $0.iov_base, count: $0.iov_len).map { $0 } }
                let done = answers.next(of: bytes.count)
                for index in 0..<max(0, done) { file[Int(at) + index] = bytes[index] }
                return done
            }
        }
        return (isDone, file)
    }

    @Test func `a read that is interrupted or short goes on behind what it has, up to the end of the file`() {
        for cut in [1, 2, 3, 511, 512, 4999] {
            let answers = Answers([.fails(EINTR), .upTo(cut), .fails(EINTR), .fails(EINTR), .upTo(cut), .upTo(1)])
            #expect(read(5000, at: 0, answers) == Self.content)
            #expect(read(300, at: 4900, Answers([.upTo(cut), .fails(EINTR)])) == Array(Self.content[4900...]))
        }
        #expect(read(100, at: 5000, Answers([])) == [])
    }

    @Test(arguments: [EIO, EACCES, ENOSPC, EMFILE]) func `a read that fails behind a part of it has failed`(code: Int32)
    {
        #expect(read(5000, at: 0, Answers([.upTo(700), .fails(EINTR), .fails(code)])) == nil)
        #expect(errno == code)
    }

    @Test func `a write that is interrupted or short goes on behind what is written, across its parts`() {
        let parts = (0..<2500).map { [UInt8](repeating: UInt8(truncatingIfNeeded: $0), count: $0 % 4) }
        let whole = parts.flatMap { $0 }
        for cut in [1, 2, 3, 4, 7, 1000, 1023, 3000] {
            let answers = Answers(
                [.fails(EINTR)] + [Answers.Answer](repeating: .upTo(cut), count: 40) + [.fails(EINTR), .upTo(1)])
            let (isDone, file) = write(parts, at: 13, answers)
            #expect(isDone && Array(file[13..<13 + whole.count]) == whole, "\(cut) bytes a call")
            #expect(file[..<13].allSatisfy { $0 == 0xaa } && file[(13 + whole.count)...].allSatisfy { $0 == 0xaa })
        }
    }

    @Test(arguments: [EIO, ENOSPC, EDQUOT, EROFS]) func `a write that fails behind a part of it has failed`(code: Int32)
    {
        let answers = Answers([.upTo(5), .fails(EINTR), .fails(code)])
        #expect(!write([[1, 2, 3], [4, 5, 6], [7]], at: 0, answers).isDone)
        #expect(errno == code && answers.calls == 3)
    }

    @Test func `a write that does nothing, and says no error, does not go on for ever`() {
        #expect(!write([[1, 2, 3]], at: 0, Answers([.upTo(0)])).isDone)
        #expect(errno == EIO)
    }
}
