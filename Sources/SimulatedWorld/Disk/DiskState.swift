import Glibc
import LinuxSystem
import OperationLogs
import Synchronization

/// A disk in memory that forgets at a crash what was not synced, sector by sector, and fails when it is told to.
package final class DiskState: Sendable {
    package struct Node {
        package var bytes: [UInt8] = []
        package var durableLength = 0
        /// What stood in each sector that was written since the last sync.
        package var before: [Int: [UInt8]] = [:]
        /// What stands on the medium in sectors that a failed sync has given up: the cache shows what was written, and no
        /// later sync writes it.
        package var givenUp: [Int: [UInt8]] = [:]
        /// Up to where blocks are held for later writes.
        package var reserved = 0

        /// Of 4 KiB.
        package var blocks: Int { Self.blocks(max(bytes.count, reserved)) }
        package static func blocks(_ length: Int) -> Int { (length + 4095) / 4096 }
    }

    package struct Directory {
        package var entries: [String: Int] = [:]
        package var durable: [String: Int] = [:]
        package var pending: [@Sendable (inout [String: Int]) -> Void] = []
    }

    package struct Contents {
        package var nodes: [Int: Node] = [:]
        package var directories: [String: Directory] = ["": Directory()]
        package var nextNode = 1
        /// Operations that change something, so far.
        package var operations = 0
        /// Of each of them, and of all bytes that were written.
        package var digest = CourseDigest()
        /// What was called, in order, since a test began to note it.
        package var calls: [String]?
        /// From this operation on everything fails, as if the machine had gone.
        package var failsFrom = Int.max
        /// The next sync fails once.
        package var failsNextSync = false
        package var failsReads = false
        package var available: UInt64 = 1 << 40
        /// Blocks of 4 KiB of all files together, beyond which none grows; nil: as many as are wanted.
        package var capacityBlocks: Int?
        /// Whether blocks can be held ahead of what is written, as most file systems let it.
        package var holdsAhead = true
        /// So many calls from now on, of those that may need a block, the next one fails with ENOSPC.
        package var callsUntilFull: Int?
        /// Calls that are to fail.
        package var callFaults = CallFaults()
        /// Calls that failed because they were told to, or for want of room.
        package var failures = 0
    }

    package static let sector = 512
    package let contents = Mutex(Contents())

    package init() {}

    /// A call that changes something.
    ///
    /// - Parameter spoil: what is done all the same when the call is told to fail.
    package func change<Result>(
        _ call: StorageCall, spoil: (CallFaults.Rule, inout Contents) -> Void = { _, _ in },
        _ body: (inout Contents) throws(SystemError) -> Result
    ) throws(SystemError) -> Result {
        try perform { contents throws(SystemError) in
            contents.operations += 1
            contents.digest.take(call.systemName)
            contents.calls?.append(call.systemName)
            if contents.operations > contents.failsFrom { throw contents.failure(call, EIO) }
            guard contents.hasBlock(for: call) else { throw contents.failure(call, ENOSPC) }
            if let rule = contents.callFaults.failure(of: call) {
                spoil(rule, &contents)
                throw contents.failure(call, rule.code)
            }
            return try body(&contents)
        }
    }

    /// A call that only looks.
    package func look<Result>(
        _ call: StorageCall, _ body: (inout Contents) throws(SystemError) -> Result
    ) throws(SystemError) -> Result {
        try perform { contents throws(SystemError) in
            if let rule = contents.callFaults.failure(of: call) { throw contents.failure(call, rule.code) }
            return try body(&contents)
        }
    }

    private func perform<Result>(
        _ body: (inout Contents) throws(SystemError) -> Result
    ) throws(SystemError) -> Result {
        let outcome: Swift.Result<Result, SystemError> = contents.withLock { contents in
            do throws(SystemError) { return .success(try body(&contents)) } catch { return .failure(error) }
        }
        return try outcome.get()
    }

    /// The calls that change the disk in `body`, in order.
    package func calls(_ body: () throws -> Void) rethrows -> String {
        contents.withLock { $0.calls = [] }
        try body()
        return contents.withLock { contents in
            defer { contents.calls = nil }
            return contents.calls?.joined(separator: " ") ?? ""
        }
    }

    /// What no sync will write any more goes from the cache too, as under memory pressure.
    package func evict() {
        contents.withLock { contents in
            for number in contents.nodes.keys { contents.nodes[number]?.dropGivenUp() }
        }
    }

    /// Looks at the disk from outside: no call of `body` fails or is counted.
    package func unfailing<Result>(_ body: () throws -> Result) rethrows -> Result {
        let faults = contents.withLock { contents in
            defer { contents.callFaults = CallFaults() }
            return contents.callFaults
        }
        defer { contents.withLock { $0.callFaults = faults } }
        return try body()
    }

    package var operations: Int { contents.withLock { $0.operations } }

    package func fail(from operation: Int) { contents.withLock { $0.failsFrom = operation } }

    /// The machine goes down and comes back: of what was not synced, each sector is there or not.
    package func crash(keeping share: Double, using generator: inout some RandomNumberGenerator) {
        var local = SplitMix64(seed: generator.next())
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
                node.dropGivenUp()
                for (sector, bytes) in node.before.sorted(by: { $0.key < $1.key })
                where Double.random(in: 0..<1, using: &local) >= share {
                    node.put(bytes, sector)
                }
                if node.bytes.count != node.durableLength, Double.random(in: 0..<1, using: &local) >= share {
                    node.resize(node.durableLength)
                }
                node.before = [:]
                node.durableLength = node.bytes.count
                // Whether that outlives a crash is the file system's business.
                node.reserved = 0
                contents.nodes[number] = node
            }
        }
    }
}

extension DiskState.Node {
    package mutating func resize(_ length: Int) {
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

    /// What stood in a sector stands there again.
    package mutating func put(_ former: [UInt8], _ sector: Int) {
        let start = min(sector * DiskState.sector, bytes.count)
        let count = min(former.count, bytes.count - start)
        bytes.withUnsafeMutableBytes { target in
            former.withUnsafeBytes { source in
                if let to = target.baseAddress, let from = source.baseAddress { memcpy(to + start, from, count) }
            }
        }
    }

    /// The cache forgets what a failed sync has given up.
    package mutating func dropGivenUp() {
        for (sector, former) in givenUp { put(former, sector) }
        givenUp = [:]
    }

    package mutating func write(_ data: UnsafeRawBufferPointer, at offset: Int) {
        let end = offset + data.count
        if bytes.count < end { resize(end) }
        for sector in offset / DiskState.sector...max(offset, end - 1) / DiskState.sector where before[sector] == nil {
            let start = sector * DiskState.sector
            if let onMedium = givenUp.removeValue(forKey: sector) {
                before[sector] = onMedium
                continue
            }
            before[sector] = bytes.withUnsafeBytes {
                Array(UnsafeRawBufferPointer(rebasing: $0[start..<min(start + DiskState.sector, bytes.count)]))
            }
        }
        bytes.withUnsafeMutableBytes { buffer in
            UnsafeMutableRawBufferPointer(rebasing: buffer[offset..<end]).copyMemory(from: data)
        }
    }
}

extension DiskState.Contents {
    /// Of the files that have a name, or had one at the last sync of its directory: until the removal of a name is on disk,
    /// nobody else gets the blocks.
    package var usedBlocks: Int {
        let linked = Set(directories.values.flatMap { [$0.entries.values, $0.durable.values].joined() })
        return linked.reduce(0) { $0 + (nodes[$1]?.blocks ?? 0) }
    }

    /// What a call fails with that is told to.
    package mutating func failure(_ call: StorageCall, _ code: Int32) -> SystemError {
        failures += 1
        return SystemError(call: call.systemName, subject: "disk", code: code)
    }

    package mutating func hasBlock(for call: StorageCall) -> Bool {
        guard let left = callsUntilFull, [.openCreating, .write, .allocate, .rename].contains(call) else { return true }
        callsUntilFull = left > 0 ? left - 1 : nil
        return left > 0
    }

    /// Whether the file may be so long.
    package func hasRoom(for node: Int, length: Int) -> Bool {
        guard let capacityBlocks else { return true }
        let grown = DiskState.Node.blocks(length) - (nodes[node]?.blocks ?? 0)
        return grown <= 0 || usedBlocks + grown <= capacityBlocks
    }

    package mutating func edit(_ path: String, _ change: @escaping @Sendable (inout [String: Int]) -> Void) {
        guard var directory = directories[path] else { return }
        change(&directory.entries)
        directory.pending.append(change)
        directories[path] = directory
    }
}
