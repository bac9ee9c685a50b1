import Glibc
import LinuxSystem
import Synchronization

package final class SimulatedFile: StorageFile {
    private let state: DiskState
    package let node: Int

    package init(state: DiskState, node: Int) {
        self.state = state
        self.node = node
    }

    package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(SystemError) -> Int {
        let count: Int? = state.contents.withLock { contents in
            guard !contents.failsReads, contents.callFaults.code(for: "pread") == nil else { return nil }
            guard let bytes = contents.nodes[node]?.bytes, offset < bytes.count else { return 0 }
            let count = min(buffer.count, bytes.count - Int(offset))
            bytes.withUnsafeBytes { source in
                UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[Int(offset)..<Int(offset) + count]))
            }
            return count
        }
        guard let count else { throw SystemError(call: "pread", subject: "disk", code: EIO) }
        return count
    }

    package func write(_ parts: [UnsafeRawBufferPointer], at offset: UInt64) throws(SystemError) {
        let node = node
        try state.change("pwritev") { contents throws(SystemError) in
            var at = Int(offset)
            guard contents.hasRoom(for: node, length: at + parts.reduce(0) { $0 + $1.count }) else {
                throw SystemError(call: "pwritev", subject: "disk", code: ENOSPC)
            }
            for part in parts where !part.isEmpty {
                contents.nodes[node]?.write(part, at: at)
                at += part.count
            }
        }
    }

    package func synchronize() throws(SystemError) {
        let node = node
        try state.change("fdatasync") { contents throws(SystemError) in
            if contents.failsNextSync {
                // What Linux does: the pages count as clean, and the next sync would succeed.
                contents.failsNextSync = false
                let lost = contents.nodes[node]?.before ?? [:]
                contents.nodes[node]?.givenUp.merge(lost) { older, _ in older }
                contents.nodes[node]?.before = [:]
                throw SystemError(call: "fdatasync", subject: "disk", code: EIO)
            }
            contents.nodes[node]?.before = [:]
            let length = contents.nodes[node]?.bytes.count ?? 0
            contents.nodes[node]?.durableLength = length
        }
    }

    package func allocate(_ length: UInt64) throws(SystemError) {
        let node = node
        try state.change("fallocate") { contents throws(SystemError) in
            guard contents.available >= length, contents.hasRoom(for: node, length: Int(length)) else {
                throw SystemError(call: "fallocate", subject: "disk", code: ENOSPC)
            }
            contents.nodes[node]?.resize(Int(length))
        }
    }

    package func truncate(to length: UInt64) throws(SystemError) {
        let node = node
        try state.change("ftruncate") { contents throws(SystemError) in contents.nodes[node]?.resize(Int(length)) }
    }

    package func length() throws(SystemError) -> UInt64 {
        UInt64(state.contents.withLock { $0.nodes[node]?.bytes.count ?? 0 })
    }
}
