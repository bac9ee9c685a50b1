import ArgumentParser
import LinuxSystem
import OperationLogs

struct ParseBenchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "parse", abstract: "Lines to finished records, on one core, from memory.")

    @Option(help: "Lines to parse a run.") var count = 500_000
    @Option(help: "Runs; the median counts.") var runs = 5

    func run() throws {
        var generator = EventGenerator(seed: 20_261_120, start: EventFile.start)
        var text: [UInt8] = []
        for _ in 0..<count { generator.appendLine(to: &text) }
        let seconds = try (0..<runs).map { _ in try measure(text) }
        let rates = seconds.map { Double(count) / $0 }
        print(
            "parse: \(Figures.median(rates).rounded()) lines/s, "
                + "\((Double(text.count) / Figures.median(seconds) / 1e6).rounded()) MB/s "
                + "(\(text.count / count) bytes a line, median of \(runs))")
    }

    /// - Returns: the seconds that the whole text took.
    private func measure(_ text: [UInt8]) throws -> Double {
        let clock = SystemTime()
        var encoder = LineEncoder(
            LineEncoder.Options(
                maxLineBytes: 1 << 20, maxFutureMicroseconds: 86_400_000_000, counting: .bytes,
                takesControlLines: false,
                reportsRejections: false),
            watermarkClock: WatermarkClock(notBefore: Timestamp(microseconds: .min)))
        let chunk = ChunkBuilder(expectedBytes: RecordLayout.fullChunk)
        let received = Timestamp(unixMicroseconds: clock.realtimeMicroseconds())
        let start = clock.monotonicNanoseconds()
        var records = 0
        text.withUnsafeBytes { bytes in
            var at = 0
            while at < bytes.count {
                let progress = encoder.encode(
                    UnsafeRawBufferPointer(rebasing: bytes[at...]), offset: UInt64(at), originator: 0,
                    received: received,
                    into: chunk)
                at += progress.consumed
                records += chunk.close(ticket: 0, receipt: nil).countsByKind[1...].reduce(0, +)
            }
        }
        guard records == count else { throw ValidationError("\(count - records) of \(count) lines were rejected") }
        return Double(clock.monotonicNanoseconds() - start) / 1e9
    }
}
