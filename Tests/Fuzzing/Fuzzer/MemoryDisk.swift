import Glibc
import LinuxSystem
import Synchronization

/// Files in memory, for decoders that read through `Storage`. Nothing on it fails.
public struct MemoryDisk: Storage {
    private final class Contents: Sendable {
        let files = Mutex<[String: MemoryFile]>([:])
    }
    private let contents = Contents()
    private let folders: [String: MemoryDisk]

    public init(_ files: [String: [UInt8]] = [:], folders: [String: MemoryDisk] = [:]) {
        self.folders = folders
        contents.files.withLock { $0 = files.mapValues { MemoryFile($0) } }
    }

    public func open(_ name: String, _ opening: StorageOpening) throws(SystemError) -> MemoryFile {
        let made = MemoryFile([])
        let (file, code): (MemoryFile?, Int32) = contents.files.withLock { files in
            guard case .creating = opening else { return (files[name], ENOENT) }
            guard files[name] == nil else { return (nil, EEXIST) }
            files[name] = made
            return (made, 0)
        }
        guard let file else { throw SystemError(call: "open", subject: name, code: code) }
        return file
    }

    public func names() throws(SystemError) -> [String] {
        (contents.files.withLock { Array($0.keys) } + folders.keys).sorted()
    }

    public func rename(_ old: String, to new: String) throws(SystemError) {
        contents.files.withLock { $0[new] = $0.removeValue(forKey: old) }
    }

    public func remove(_ name: String) throws(SystemError) { contents.files.withLock { $0[name] = nil } }
    public func synchronizeDirectory() throws(SystemError) {}
    public func availableBytes() throws(SystemError) -> UInt64 { 1 << 40 }

    public func directory(_ name: String) throws(SystemError) -> MemoryDisk {
        guard let folder = folders[name] else { throw SystemError(call: "open", subject: name, code: ENOENT) }
        return folder
    }
}

public final class MemoryFile: StorageFile {
    private let content: Mutex<[UInt8]>

    init(_ bytes: [UInt8]) { content = Mutex(bytes) }

    public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(SystemError) -> Int {
        content.withLock { bytes in
            guard offset < bytes.count else { return 0 }
            let part = bytes[Int(offset)..<min(bytes.count, Int(offset) + buffer.count)]
            buffer.copyBytes(from: part)
            return part.count
        }
    }

    public func write(_ parts: [UnsafeRawBufferPointer], at offset: UInt64) throws(SystemError) {
        content.withLock { bytes in
            let end = Int(offset) + parts.reduce(0) { $0 + $1.count }
            if bytes.count < end { bytes += [UInt8](repeating: 0, count: end - bytes.count) }
            bytes.replaceSubrange(Int(offset)..<end, with: parts.joined())
        }
    }

    public func synchronize() throws(SystemError) {}

    public func allocate(_ length: UInt64) throws(SystemError) { try resize(Int(length)) }
    public func truncate(to length: UInt64) throws(SystemError) { try resize(Int(length)) }
    public func length() throws(SystemError) -> UInt64 { UInt64(content.withLock { $0.count }) }

    private func resize(_ length: Int) throws(SystemError) {
        content.withLock { bytes in
            bytes = bytes.prefix(length) + [UInt8](repeating: 0, count: max(0, length - bytes.count))
        }
    }
}
