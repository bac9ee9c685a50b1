import Glibc
import LinuxSystem

/// A file that a command writes piece by piece.
final class OutputFile {
    let name: String
    private let descriptor: Descriptor
    private var pending: [UInt8] = []

    /// One that does not exist yet, readable for its owner only.
    convenience init(creating name: String) throws {
        let opened = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard opened >= 0 else {
            if errno == EEXIST { throw CommandFailure(.usage, "\(name) exists already; name a new file") }
            throw CommandFailure(describing: SystemError.last("open", name))
        }
        self.init(Descriptor(owning: opened), name: name)
    }

    /// One that is open for writing.
    init(_ descriptor: Descriptor, name: String) {
        self.descriptor = descriptor
        self.name = name
    }

    func write(_ bytes: [UInt8]) throws {
        pending += bytes
        if pending.count >= 1 << 20 { try flush() }
    }

    /// On disk when this returns.
    func finish() throws {
        try flush()
        guard fsync(descriptor.rawValue) == 0 else {
            throw CommandFailure(describing: SystemError.last("fsync", name))
        }
    }

    private func flush() throws {
        var rest = pending[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { bytes in
                retryingInterrupts { Glibc.write(descriptor.rawValue, bytes.baseAddress, bytes.count) }
            }
            guard let written else { throw CommandFailure(describing: SystemError.last("write", name)) }
            rest = rest.dropFirst(written)
        }
        pending.removeAll(keepingCapacity: true)
    }
}
