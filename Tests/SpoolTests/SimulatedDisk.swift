import Glibc
import LinuxSystem
import Synchronization

/// A disk in memory that forgets at a crash what was not synced, sector by sector, and fails when it is told to.
final class DiskState: Sendable {
    struct Node {
        var bytes: [UInt8] = []
        var durableLength = 0
        /// What stood in each sector that was written since the last sync.
        var before: [Int: [UInt8]] = [:]
    }

    struct Directory {
        var entries: [String: Int] = [:]
        var durable: [String: Int] = [:]
        var pending: [@Sendable (inout [String: Int]) -> Void] = []
    }

    struct Contents {
        var nodes: [Int: Node] = [:]
        var directories: [String: Directory] = ["": Directory()]
        var nextNode = 1
        /// Operations that change something, so far.
        var operations = 0
        /// What was called, in order, since a test began to note it.
        var calls: [String]?
        /// From this operation on everything fails, as if the machine had gone.
        var failsFrom = Int.max
        /// The next sync fails once.
        var failsNextSync = false
        var failsReads = false
        var available: UInt64 = 1 << 40
    }

    static let sector = 512
    let contents = Mutex(Contents())

    func change<Result>(_ call: String, _ body: (inout Contents) throws(SystemError) -> Result) throws(SystemError)
        -> Result
    {
        let outcome: Swift.Result<Result, SystemError> = contents.withLock { contents in
            contents.operations += 1
            contents.calls?.append(call)
            if contents.operations > contents.failsFrom {
                return .failure(SystemError(call: call, subject: "disk", code: EIO))
            }
            do throws(SystemError) { return .success(try body(&contents)) } catch { return .failure(error) }
        }
        return try outcome.get()
    }

    /// The calls that change the disk in `body`, in order.
    func calls(_ body: () throws -> Void) rethrows -> String {
        contents.withLock { $0.calls = [] }
        try body()
        return contents.withLock { contents in
            defer { contents.calls = nil }
            return contents.calls?.joined(separator: " ") ?? ""
        }
    }

    var operations: Int { contents.withLock { $0.operations } }

    func fail(from operation: Int) { contents.withLock { $0.failsFrom = operation } }

    /// The machine goes down and comes back: of what was not synced, each sector is there or not.
    func crash(keeping share: Double, using generator: inout some RandomNumberGenerator) {
        var local = SeededGenerator(seed: generator.next())
        contents.withLock { contents in
            contents.failsFrom = .max
            contents.failsNextSync = false
            for name in contents.directories.keys.sorted() {
                guard var directory = contents.directories[name] else { continue }
                let kept = Int(Double(directory.pending.count) * Double.random(in: 0...1, using: &local) + share / 2)
                for change in directory.pending.prefix(kept) { change(&directory.durable) }
                directory.entries = directory.durable
                directory.pending = []
                contents.directories[name] = directory
            }
            for number in contents.nodes.keys.sorted() {
                guard var node = contents.nodes[number] else { continue }
                for (sector, bytes) in node.before.sorted(by: { $0.key < $1.key })
                where Double.random(in: 0..<1, using: &local) >= share {
                    let start = min(sector * Self.sector, node.bytes.count)
                    let count = min(bytes.count, node.bytes.count - start)
                    node.bytes.withUnsafeMutableBytes { target in
                        bytes.withUnsafeBytes { source in
                            if let to = target.baseAddress, let from = source.baseAddress {
                                memcpy(to + start, from, count)
                            }
                        }
                    }
                }
                if node.bytes.count != node.durableLength, Double.random(in: 0..<1, using: &local) >= share {
                    node.resize(node.durableLength)
                }
                node.before = [:]
                node.durableLength = node.bytes.count
                contents.nodes[number] = node
            }
        }
    }
}

extension DiskState.Node {
    mutating func resize(_ length: Int) {
        let kept = min(length, bytes.count)
        let former = bytes
        // memset and memcpy: these loops are slow where nothing is optimised.
        bytes = [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
            if let base = buffer.baseAddress {
                memset(base, 0, length)
                former.withUnsafeBytes { source in
                    if let from = source.baseAddress { memcpy(base, from, kept) }
                }
            }
            count = length
        }
    }

    mutating func write(_ data: UnsafeRawBufferPointer, at offset: Int) {
        let end = offset + data.count
        if bytes.count < end { resize(end) }
        for sector in offset / DiskState.sector...max(offset, end - 1) / DiskState.sector where before[sector] == nil {
            let start = sector * DiskState.sector
            before[sector] = bytes.withUnsafeBytes {
                Array(UnsafeRawBufferPointer(rebasing: $0[start..<min(start + DiskState.sector, bytes.count)]))
            }
        }
        bytes.withUnsafeMutableBytes { buffer in
            UnsafeMutableRawBufferPointer(rebasing: buffer[offset..<end]).copyMemory(from: data)
        }
    }
}

struct SimulatedDisk: Storage {
    let state: DiskState
    let path: String

    init(_ state: DiskState = DiskState(), path: String = "") {
        self.state = state
        self.path = path
    }

    func open(_ name: String, _ opening: StorageOpening) throws(SystemError) -> SimulatedFile {
        let path = path
        if case .creating = opening {
            return SimulatedFile(
                state: state,
                node: try state.change("open") { contents throws(SystemError) in
                    guard contents.directories[path]?.entries[name] == nil else {
                        throw SystemError(call: "open", subject: name, code: EEXIST)
                    }
                    let node = contents.nextNode
                    contents.nextNode += 1
                    contents.nodes[node] = DiskState.Node()
                    contents.edit(path) { $0[name] = node }
                    return node
                })
        }
        guard let node = state.contents.withLock({ $0.directories[path]?.entries[name] }) else {
            throw SystemError(call: "open", subject: name, code: ENOENT)
        }
        return SimulatedFile(state: state, node: node)
    }

    func names() throws(SystemError) -> [String] {
        state.contents.withLock { ($0.directories[path]?.entries.keys).map { $0.sorted() } ?? [] }
    }

    func rename(_ old: String, to new: String) throws(SystemError) {
        let path = path
        try state.change("rename") { contents throws(SystemError) in
            guard contents.directories[path]?.entries[old] != nil else {
                throw SystemError(call: "rename", subject: old, code: ENOENT)
            }
            contents.edit(path) { entries in entries[new] = entries.removeValue(forKey: old) }
        }
    }

    func remove(_ name: String) throws(SystemError) {
        let path = path
        try state.change("unlink") { contents throws(SystemError) in
            guard contents.directories[path]?.entries[name] != nil else {
                throw SystemError(call: "unlink", subject: name, code: ENOENT)
            }
            contents.edit(path) { $0[name] = nil }
        }
    }

    func synchronizeDirectory() throws(SystemError) {
        let path = path
        try state.change("fsync") { contents throws(SystemError) in
            guard var directory = contents.directories[path] else { return }
            directory.durable = directory.entries
            directory.pending = []
            contents.directories[path] = directory
        }
    }

    func availableBytes() throws(SystemError) -> UInt64 { state.contents.withLock { $0.available } }

    func directory(_ name: String) throws(SystemError) -> SimulatedDisk {
        state.contents.withLock { contents in
            if contents.directories[name] == nil {
                contents.directories[name] = DiskState.Directory()
                contents.directories[path]?.entries[name] = 0
                contents.directories[path]?.durable[name] = 0
            }
        }
        return SimulatedDisk(state, path: name)
    }
}

extension DiskState.Contents {
    mutating func edit(_ path: String, _ change: @escaping @Sendable (inout [String: Int]) -> Void) {
        guard var directory = directories[path] else { return }
        change(&directory.entries)
        directory.pending.append(change)
        directories[path] = directory
    }
}

final class SimulatedFile: StorageFile {
    private let state: DiskState
    let node: Int

    init(state: DiskState, node: Int) {
        self.state = state
        self.node = node
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(SystemError) -> Int {
        let count: Int? = state.contents.withLock { contents in
            guard !contents.failsReads else { return nil }
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

    func write(_ parts: [UnsafeRawBufferPointer], at offset: UInt64) throws(SystemError) {
        let node = node
        try state.change("pwritev") { contents throws(SystemError) in
            var at = Int(offset)
            for part in parts where !part.isEmpty {
                contents.nodes[node]?.write(part, at: at)
                at += part.count
            }
        }
    }

    func synchronize() throws(SystemError) {
        let node = node
        try state.change("fdatasync") { contents throws(SystemError) in
            if contents.failsNextSync {
                // What Linux does: the pages count as clean, and the next sync would succeed.
                contents.failsNextSync = false
                throw SystemError(call: "fdatasync", subject: "disk", code: EIO)
            }
            contents.nodes[node]?.before = [:]
            let length = contents.nodes[node]?.bytes.count ?? 0
            contents.nodes[node]?.durableLength = length
        }
    }

    func allocate(_ length: UInt64) throws(SystemError) {
        let node = node
        try state.change("fallocate") { contents throws(SystemError) in
            guard contents.available >= length else {
                throw SystemError(call: "fallocate", subject: "disk", code: ENOSPC)
            }
            contents.nodes[node]?.resize(Int(length))
        }
    }

    func truncate(to length: UInt64) throws(SystemError) {
        let node = node
        try state.change("ftruncate") { contents throws(SystemError) in contents.nodes[node]?.resize(Int(length)) }
    }

    func length() throws(SystemError) -> UInt64 {
        UInt64(state.contents.withLock { $0.nodes[node]?.bytes.count ?? 0 })
    }
}

/// SplitMix64: the same numbers from the same seed.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
