import Instruments
import Intake
import LinuxSystem
import OperationLogs

/// A client that sends lines over one connection and waits for acknowledgements, with the daemon's side of it: the
/// encoder, the session and the window of the real input, without a socket.
final class SimulatedConnection {
    let source: Int
    /// The number of the first line that it sends.
    let first: Int
    /// Lines that the client has written.
    private(set) var sent = 0
    /// Lines that the client knows to be durable.
    private(set) var acknowledged = 0

    /// Written and not yet read by the daemon.
    private var pipe: [UInt8]
    private var carry: [UInt8] = []
    private var session = SocketSession()
    private var encoder: LineEncoder
    private let window: ChunkWindow
    private let watermarkClock: WatermarkClock
    /// Is told the number of the next line.
    var onWritten: (Int) -> Void = { _ in }

    init(
        source: Int, first: Int, sink: any RecordSink, wake: EventDescriptor, registry: Registry,
        watermarkClock: WatermarkClock
    ) {
        self.source = source
        self.first = first
        self.watermarkClock = watermarkClock
        window = ChunkWindow(input: "s\(source)", sink: sink, wake: wake, registry: registry, limitBytes: 64 << 10)
        encoder = Self.encoder(watermarkClock, reporting: false)
        pipe = Array("{\"opslogd\":{\"ack\":true}}\n".utf8)
    }

    private static func encoder(_ clock: WatermarkClock, reporting: Bool) -> LineEncoder {
        LineEncoder(
            LineEncoder.Options(
                maxLineBytes: 4096, maxFutureMicroseconds: .max / 2, counting: .lines, takesControlLines: true,
                reportsRejections: reporting), watermarkClock: clock)
    }

    /// The client writes so many lines.
    func write(_ count: Int) {
        for _ in 0..<count {
            pipe += SimulatedLine(source: source, number: first + sent).bytes
            sent += 1
        }
        onWritten(first + sent)
    }

    /// The daemon reads so many bytes, and hands over the lines that end in them.
    func read(_ count: Int, received: Timestamp) {
        guard !window.isFull else { return }
        carry += pipe.prefix(count)
        pipe.removeFirst(min(count, pipe.count))
        var isDone = false
        while !isDone {
            let originator = window.builder.add(RecordOriginator(kind: .socket, input: "s\(source)"))
            let (consumed, pause) = carry.withUnsafeBytes { bytes in
                let progress = encoder.encode(
                    bytes, offset: session.nextLine, originator: originator, received: received, into: window.builder)
                session.received(
                    lines: progress.lines, rejections: session.acknowledges ? encoder.takeRejections() : [])
                if case .control(let range) = progress.pause,
                    session.received(ControlLine(UnsafeRawBufferPointer(rebasing: bytes[range])))
                {
                    encoder = Self.encoder(watermarkClock, reporting: true)
                }
                return (progress.consumed, progress.pause)
            }
            carry.removeFirst(consumed)
            switch pause {
            case .needsMoreBytes: isDone = true
            case .chunkFull: closeChunk()
            case .control: break
            }
        }
        closeChunk()
    }

    private func closeChunk() {
        let ticket = window.submit()
        if ticket == nil { window.builder.forgetOriginators() }
        _ = session.chunkClosed(as: ticket)
    }

    /// The daemon tells what has become durable, and the client reads it.
    func settle() throws {
        session.durable(upTo: window.settle())
        var answers: [UInt8] = []
        session.answers.flush {
            answers += $0
            return .wrote($0.count)
        }
        for answer in answers.split(separator: 0x0a) {
            let text = String(decoding: answer, as: UTF8.self)
            if text.hasPrefix("{\"durable\":"), let lines = Int(text.dropFirst(11).dropLast()) {
                guard lines >= acknowledged, lines <= sent else {
                    throw BrokenPromise("s\(source) was told that \(lines) of \(sent) lines are durable")
                }
                acknowledged = lines
            } else if text.hasPrefix("{\"rejected\":{\"line\":"),
                let line = Int(text.dropFirst(20).prefix { $0 != "," })
            {
                guard SimulatedLine(source: source, number: first + line - 1).isInvalid else {
                    throw BrokenPromise("s\(source): the good line \(line) was rejected: \(text)")
                }
            } else {
                throw BrokenPromise("s\(source) was told \(text)")
            }
        }
    }

    /// Whether everything that was written has been read and acknowledged.
    var isThrough: Bool { pipe.isEmpty && acknowledged == sent }
}
