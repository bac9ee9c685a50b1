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

    init(_ disk: SourceDisk, time: SimulatedTime, meanwhile: Meanwhile) {
        self.disk = disk
        self.time = time
        self.meanwhile = meanwhile
    }

    /// The process is gone, whoever still holds its files.
    func end() {
        hasEnded = true
        disk.processEnded(openNodes.values.sorted { $0.number < $1.number })
        openNodes = [:]
    }

    func called() { meanwhile.called() }

    func find(_ path: String, _ call: String) throws(SystemError) -> SourceNode {
        called()
        if path.hasPrefix(SimulatedSourceFile.descriptors),
            let node = openNodes.values.first(where: { path == SimulatedSourceFile.descriptorPath(of: $0) })
        {
            return node
        }
        guard let node = disk.node(at: path) else { throw SystemError(call: call, subject: path, code: ENOENT) }
        return node
    }

    func open(_ path: String) throws(SystemError) -> SimulatedSourceFile {
        let node = try find(path, "open")
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
        try find(path, "statx").identity(device: disk.device)
    }

    func identity(of node: SourceNode) -> FileIdentity { node.identity(device: disk.device) }

    func names(in directory: String) throws(SystemError) -> (names: [String], unreadable: Int) {
        called()
        guard let names = disk.names(in: directory) else {
            throw SystemError(call: "opendir", subject: directory, code: ENOENT)
        }
        return (names, 0)
    }

    func linkTarget(of path: String) -> String? { nil }

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
        files.called()
        return files.identity(of: node)
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(SystemError) -> Int {
        files.called()
        return node.read(into: buffer, at: offset)
    }

    func bytes(_ count: Int, at offset: UInt64) throws(SystemError) -> [UInt8] {
        files.called()
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            initialized = node.read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
        }
    }

    /// A number that is free is not given again while the file is open.
    static func descriptorPath(of node: SourceNode) -> String { "\(descriptors)\(node.number)" }
    var descriptorPath: String { Self.descriptorPath(of: node) }
}
