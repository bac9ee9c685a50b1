import Glibc
import LinuxSystem

/// The simulated jobs' file system as one run of the daemon sees it: what it opens, looks at and watches.
///
/// Something can happen right before each call.
final class SimulatedSourceFiles: SourceFileSystem {
    private let disk: SourceDisk
    let time: SimulatedTime
    private var openNodes: [ObjectIdentifier: SourceNode] = [:]
    private var hasEnded = false
    private let meanwhile: Meanwhile
    private let faults: FaultBoard

    /// The faults that are set, which outlast a run of the daemon.
    final class FaultBoard {
        var faults: SourceFaults?
    }

    init(_ disk: SourceDisk, time: SimulatedTime, meanwhile: Meanwhile, faults: FaultBoard = FaultBoard()) {
        self.disk = disk
        self.time = time
        self.meanwhile = meanwhile
        self.faults = faults
    }

    /// The process is gone, whoever still holds its files.
    func end() {
        hasEnded = true
        disk.processEnded(openNodes.values.sorted { $0.number < $1.number })
        openNodes = [:]
    }

    func called(_ call: SourceCall, _ path: String) throws(SystemError) {
        meanwhile.called()
        if faults.faults?.strikes(call, path) ?? false, let error = faults.faults?.error(path) { throw error }
    }

    /// Whether a read of this file gives less than there is.
    func isShort(_ path: String) -> Bool { faults.faults?.strikes(.shortRead, path) ?? false }

    func find(_ path: String, _ call: SourceCall) throws(SystemError) -> SourceNode {
        try called(call, path)
        if path.hasPrefix(SimulatedSourceFile.descriptors),
            let node = openNodes.values.first(where: { path == SimulatedSourceFile.descriptorPath(of: $0) })
        {
            return node
        }
        guard let node = disk.node(at: path) else {
            throw SystemError(call: call.systemName, subject: path, code: ENOENT)
        }
        return node
    }

    func open(_ path: String) throws(SystemError) -> SimulatedSourceFile {
        let node = try find(path, .open)
        disk.opened(node)
        openNodes[ObjectIdentifier(node)] = node
        return SimulatedSourceFile(node, path: path, of: self)
    }

    func closed(_ node: SourceNode) {
        if hasEnded { return }
        if node.handles == 1 { openNodes[ObjectIdentifier(node)] = nil }
        disk.closed(node)
    }

    func identity(of path: String, followingLinks: Bool) throws(SystemError) -> FileIdentity {
        try find(path, .identity).identity(device: disk.device)
    }

    func identity(of node: SourceNode) -> FileIdentity { node.identity(device: disk.device) }

    func names(in directory: String) throws(SystemError) -> (names: [String], unreadable: Int) {
        // A name that changes while a directory is read is found in its old form, its new one, or in none: here in none.
        let before = disk.names(in: directory)
        try called(.names, directory)
        guard let before, let names = disk.names(in: directory) else {
            throw SystemError(call: "opendir", subject: directory, code: ENOENT)
        }
        return (names.count == before.count && names == before ? names : names.filter(Set(before).contains), 0)
    }

    func linkTarget(of path: String) -> String? { nil }
    func unwatchedWriters(in directory: String) -> String? { nil }

    func makeWatches() -> SimulatedWatches {
        let made = SimulatedWatches(of: self)
        disk.watches = made
        return made
    }

    func bootIdentity() -> [UInt8] { [UInt8](repeating: UInt8(truncatingIfNeeded: disk.boot), count: 16) }
}

/// An open file of the simulated jobs.
final class SimulatedSourceFile: SourceFile {
    static let descriptors = "/proc/self/fd/"
    private let node: SourceNode
    private let path: String
    private let files: SimulatedSourceFiles

    init(_ node: SourceNode, path: String, of files: SimulatedSourceFiles) {
        self.node = node
        self.path = path
        self.files = files
    }

    deinit { files.closed(node) }

    func identity() throws(SystemError) -> FileIdentity {
        try files.called(.identity, path)
        return files.identity(of: node)
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(SystemError) -> Int {
        try files.called(.read, path)
        let count = node.read(into: buffer, at: offset)
        return count > 1 && files.isShort(path) ? count / 2 : count
    }

    func bytes(_ count: Int, at offset: UInt64) throws(SystemError) -> [UInt8] {
        try files.called(.read, path)
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            initialized = node.read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
        }
    }

    /// A number that is free is not given again while the file is open.
    static func descriptorPath(of node: SourceNode) -> String { "\(descriptors)\(node.number)" }
    var descriptorPath: String { Self.descriptorPath(of: node) }
    var kernelPath: String? { node.links > 0 ? "\(node.place.directory)/\(node.place.name)" : nil }
}
