import ArgumentParser
import Glibc
import Instruments
import Intake
import LinuxSystem
import OperationLogs
import Synchronization

/// A followed file as the daemon reads it, on one thread, from the page cache, into a sink that discards: reading, comparing
/// what stood before the position, hashing and finding lines, with and without what makes records of them.
struct TailBenchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail", abstract: "Following a file, beside plain read(2) of the same file.")

    @Option(help: "Lines of the file; about 250 bytes each.") var count = 4_000_000
    @Option(help: "Runs; the median counts.") var runs = 5

    func run() throws {
        var template = Array(
            "\(getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp")/opslogd-tail-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError.last("mkdtemp", "/tmp") }
        let directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let (events, blank) = ("\(directory)/events.log", "\(directory)/blank.log")
        defer {
            unlink(events)
            unlink(blank)
            rmdir(directory)
        }
        try EventFile.write(count: count, to: events)
        // Lines that are skipped: all that following a file costs, and nothing of what a line costs.
        try writeBlank(to: blank)
        var (raw, framed, whole): ([Double], [Double], [Double]) = ([], [], [])
        for _ in 0..<runs {
            raw.append(try rate(of: blank, readPlainly))
            framed.append(try rate(of: blank, follow))
            whole.append(try rate(of: events, follow))
        }
        let (plain, tail, parsed) = (Figures.median(raw), Figures.median(framed), Figures.median(whole))
        print(
            "tail: \(tail.rounded()) MB/s apart from parsing, \(Figures.rounded(tail / plain)) of plain read(2) "
                + "(\(plain.rounded()) MB/s); \(parsed.rounded()) MB/s with the lines of events made records "
                + "(median of \(runs))")
    }

    private func writeBlank(to path: String) throws {
        guard let file = fopen(path, "w") else { throw SystemError.last("fopen", path) }
        defer { fclose(file) }
        let text = Array(repeatElement(UInt8(0x20), count: 249) + [0x0a])
        let block = (0..<4096).flatMap { _ in text }
        for _ in 0..<max(1, count / 4096) {
            guard fwrite(block, 1, block.count, file) == block.count else { throw SystemError.last("fwrite", path) }
        }
    }

    /// In MB a second of processor time: one thread does all that counts, whatever else the machine does.
    private func rate(of path: String, _ read: (String, UInt64) throws -> Void) throws -> Double {
        let size = try FileIdentity.at(path).size
        let start = Self.processorSeconds
        try read(path, size)
        return Double(size) / (Self.processorSeconds - start) / 1e6
    }

    private static var processorSeconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private func readPlainly(_ path: String, _ size: UInt64) throws {
        let descriptor = Descriptor(owning: open(path, O_RDONLY | O_CLOEXEC))
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: FileInputLimits().readBytes, alignment: 16)
        defer { buffer.deallocate() }
        var left = size
        while left > 0 {
            let count = Glibc.read(descriptor.rawValue, buffer.baseAddress, buffer.count)
            guard count > 0 else { throw SystemError.last("read", path) }
            left -= UInt64(count)
        }
    }

    private func follow(_ path: String, _ size: UInt64) throws {
        let input = try FileInput(
            FileInputOptions(name: "bench", paths: [path]), sink: Discarding(), recovered: [], clock: SystemTime(),
            watermarkClock: WatermarkClock(notBefore: Timestamp(microseconds: .min)), diagnostics: .silent,
            registry: Registry())
        let ended = try EventDescriptor()
        WorkerThread.start("bench-tail") {
            input.run()
            ended.signal()
        }
        while input.status.files.first?.position != size { usleep(2000) }
        input.stop()
        ended.wait()
    }

    /// Says of each chunk at once that it is durable.
    private final class Discarding: RecordSink {
        func append(_ chunk: RecordChunk) { chunk.receipt?.durable(upTo: chunk.ticket) }
    }
}
