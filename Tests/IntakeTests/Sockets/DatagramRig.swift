import Glibc
import Instruments
import LinuxSystem
import OperationLogs
import Synchronization
import Testing

@testable import Intake

func testDatagramInput(
    _ path: String, _ spool: AcknowledgingSpool, registry: Registry = Registry(),
    _ configure: (inout DatagramInputOptions) -> Void = { _ in }
) -> DatagramInput<SystemTime> {
    var options = DatagramInputOptions(name: "lone-lines", path: path)
    configure(&options)
    return DatagramInput(
        options, sink: spool, time: SystemTime(),
        watermarkClock: WatermarkClock(notBefore: Timestamp(microseconds: 0)), diagnostics: .silent, registry: registry)
}

extension RunningInput {
    convenience init(_ input: DatagramInput<SystemTime>) { self.init { try input.run() } }
}

/// A datagram input in a directory of its own, on a thread of its own.
final class DatagramRig: Sendable {
    let directory: String
    let path: String
    let spool: AcknowledgingSpool
    let registry = Registry()
    let input: DatagramInput<SystemTime>
    private let running = Mutex<RunningInput?>(nil)

    /// - Parameter runs: whether it receives from the beginning; else from `run()` on.
    init(
        _ spool: AcknowledgingSpool = AcknowledgingSpool(), runs: Bool = true,
        _ configure: (inout DatagramInputOptions) -> Void = { _ in }
    ) throws {
        directory = try makeDirectory()
        path = directory + "/s.sock"
        self.spool = spool
        input = testDatagramInput(path, spool, registry: registry, configure)
        try input.open()
        if runs { run() }
    }

    func run() { running.withLock { $0 = RunningInput(input) } }

    var hasRunEnded: Bool { running.withLock { $0?.hasEnded ?? true } }

    /// Stops the input, and removes its directory.
    func stop() throws {
        input.stop()
        spool.release()
        try eventually("run() ends") { hasRunEnded }
        removeDirectory(directory)
    }
}

/// Who sends datagrams, without waiting.
final class DatagramSender: Sendable {
    private let descriptor: Descriptor

    init(_ path: String) throws { descriptor = try UnixSocket.connect(to: path, .datagram, waiting: false) }

    /// - Returns: 0, or the error number.
    @discardableResult
    func send(_ text: String) -> Int32 { send(Array(text.utf8)) }

    @discardableResult
    func send(_ bytes: [UInt8]) -> Int32 {
        Glibc.send(descriptor.rawValue, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count ? 0 : errno
    }

    /// Tries again, at most 10 s, while there is no room.
    func sendWhenThereIsRoom(_ text: String) throws {
        try eventually("there is room") {
            let code = send(text)
            if code != 0, code != EAGAIN { throw SystemError(call: "send", subject: "datagram", code: code) }
            return code == 0
        }
    }
}
