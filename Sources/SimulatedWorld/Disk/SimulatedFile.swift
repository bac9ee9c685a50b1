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
        try state.look(.read) { contents throws(SystemError) in
            if contents.failsReads { throw contents.failure(.read, EIO) }
            guard let bytes = contents.nodes[node]?.bytes, offset < bytes.count else { return 0 }
            let count = min(buffer.count, bytes.count - Int(offset))
            bytes.withUnsafeBytes { source in
                UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[Int(offset)..<Int(offset) + count]))
            }
            return count
        }
    }

    package func write(_ parts: [UnsafeRawBufferPointer], at offset: UInt64) throws(SystemError) {
        let node = node
        let length = parts.reduce(0) { $0 + $1.count }
        try state.change(.write) { rule, contents in
            contents.note(parts, at: offset, of: node)
            switch rule.torn {
            case .nothing: break
            case .half: contents.write(parts, first: length / 2, at: Int(offset), of: node)
            case .allButOne: contents.write(parts, first: length - 1, at: Int(offset), of: node)
            }
        } _: { contents throws(SystemError) in
            guard contents.hasRoom(for: node, length: Int(offset) + length) else {
                throw contents.failure(.write, ENOSPC)
            }
            contents.note(parts, at: offset, of: node)
            contents.write(parts, first: length, at: Int(offset), of: node)
        }
    }

    package func synchronize() throws(SystemError) {
        let node = node
        try state.change(.synchronize) { _, contents in
            contents.giveUp(node)
        } _: { contents throws(SystemError) in
            if contents.failsNextSync {
                contents.failsNextSync = false
                contents.giveUp(node)
                throw contents.failure(.synchronize, EIO)
            }
            contents.nodes[node]?.before = [:]
            let length = contents.nodes[node]?.bytes.count ?? 0
            contents.nodes[node]?.durableLength = length
        }
    }

    package func allocate(_ length: UInt64) throws(SystemError) {
        let node = node
        try state.change(.allocate) { contents throws(SystemError) in
            guard contents.available >= length, contents.hasRoom(for: node, length: Int(length)) else {
                throw contents.failure(.allocate, ENOSPC)
            }
            contents.nodes[node]?.resize(Int(length))
        }
    }

    package func truncate(to length: UInt64) throws(SystemError) {
        let node = node
        try state.change(.truncate) { contents throws(SystemError) in
            contents.nodes[node]?.resize(Int(length))
            contents.nodes[node]?.reserved = 0
        }
    }

    /// None of the operations that are counted: no crash shows whether it was done. And no excuse for a daemon that ends.
    package func reserve(upTo length: UInt64) {
        state.contents.withLock { contents in
            guard contents.callFaults.failure(of: .reserve) == nil, contents.holdsAhead,
                contents.hasRoom(for: node, length: Int(length)), let before = contents.nodes[node]?.reserved
            else { return }
            contents.nodes[node]?.reserved = max(before, Int(length))
        }
    }

    package func length() throws(SystemError) -> UInt64 {
        try state.look(.length) { contents in UInt64(contents.nodes[node]?.bytes.count ?? 0) }
    }
}

extension DiskState.Contents {
    fileprivate mutating func note(_ parts: [UnsafeRawBufferPointer], at offset: UInt64, of node: Int) {
        digest.take(UInt64(node))
        digest.take(offset)
        for part in parts { digest.take(part) }
    }

    /// So many bytes of the parts, one behind the other.
    fileprivate mutating func write(_ parts: [UnsafeRawBufferPointer], first count: Int, at offset: Int, of node: Int) {
        var at = offset
        for part in parts where !part.isEmpty {
            let left = offset + count - at
            guard left > 0 else { return }
            nodes[node]?.write(UnsafeRawBufferPointer(rebasing: part.prefix(left)), at: at)
            at += min(part.count, left)
        }
    }

    /// What Linux does after a failed sync: the pages count as clean, and the next sync would succeed.
    fileprivate mutating func giveUp(_ node: Int) {
        let lost = nodes[node]?.before ?? [:]
        nodes[node]?.givenUp.merge(lost) { older, _ in older }
        nodes[node]?.before = [:]
    }
}
