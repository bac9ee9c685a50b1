import Glibc
import LinuxSystem

/// A file that a command reads; `-` is standard input.
struct InputFile {
    private let descriptor: Descriptor
    let name: String

    init(_ name: String) throws {
        self.name = name
        let opened = name == "-" ? dup(STDIN_FILENO) : open(name, O_RDONLY | O_CLOEXEC)
        guard opened >= 0 else {
            let error = SystemError.last("open", name)
            throw CommandFailure(error.code == EACCES ? .noPermission : .noInput, error.description)
        }
        descriptor = Descriptor(owning: opened)
    }

    /// - Returns: the bytes read; 0 at the end.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        guard let count = retryingInterrupts({ Glibc.read(descriptor.rawValue, buffer.baseAddress, buffer.count) })
        else {
            throw CommandFailure(.inputOutput, SystemError.last("read", name).description)
        }
        return count
    }
}

/// Bytes of which the front is taken away line by line, and more is read behind the rest.
struct LineBuffer {
    private var bytes = [UInt8](repeating: 0, count: 1 << 20)
    private var start = 0
    private var end = 0

    var isEmpty: Bool { start == end }

    /// Reads once, behind what is there.
    /// - Returns: false at the end of the input.
    mutating func fill(from input: InputFile) throws -> Bool {
        if start > 0 {
            bytes.withUnsafeMutableBytes { [start, end] in
                $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[start..<end]))
            }
            end -= start
            start = 0
        }
        if end == bytes.count { bytes.append(contentsOf: repeatElement(0, count: bytes.count)) }
        let from = end
        let count = try bytes.withUnsafeMutableBytes {
            try input.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[from...]))
        }
        end += count
        return count > 0
    }

    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try bytes.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[start..<end])) }
    }

    mutating func consume(_ count: Int) { start += count }
}
