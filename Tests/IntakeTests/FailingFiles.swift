import LinuxSystem
import Synchronization

/// The mounted file systems, of which calls fail that are told to.
struct FailingFiles: SourceFileSystem {
    enum Call: Hashable { case open, identity, names, read }

    /// Which calls fail, on paths that end so.
    final class Faults: Sendable {
        private struct Fault {
            let call: Call
            let ending: String
            let code: Int32
        }

        private let all = Mutex<[Fault]>([])

        func fail(_ call: Call, _ ending: String, _ code: Int32) {
            all.withLock { $0.append(Fault(call: call, ending: ending, code: code)) }
        }

        private let due = Mutex<(call: Call, ending: String, action: @Sendable () -> Void)?>(nil)

        /// Lets `action` happen just before the next such call.
        func before(_ call: Call, _ ending: String, _ action: @escaping @Sendable () -> Void) {
            due.withLock { $0 = (call, ending, action) }
        }

        func end() { all.withLock { $0 = [] } }

        func ask(_ call: Call, _ path: String) throws(SystemError) {
            let action = due.withLock { due -> (@Sendable () -> Void)? in
                guard let now = due, now.call == call, path.hasSuffix(now.ending) else { return nil }
                due = nil
                return now.action
            }
            action?()
            let fault = all.withLock { $0.first { $0.call == call && path.hasSuffix($0.ending) } }
            if let fault { throw SystemError(call: "\(call)", subject: path, code: fault.code) }
        }
    }

    final class File: SourceFile {
        private let file: InputFile
        private let faults: Faults

        init(_ file: InputFile, _ faults: Faults) {
            self.file = file
            self.faults = faults
        }

        var descriptorPath: String { file.descriptorPath }
        func identity() throws(SystemError) -> FileIdentity { try file.identity() }

        func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(SystemError) -> Int {
            try faults.ask(.read, file.path)
            return try file.read(into: buffer, at: offset)
        }

        func bytes(_ count: Int, at offset: UInt64) throws(SystemError) -> [UInt8] {
            try faults.ask(.read, file.path)
            return try file.bytes(count, at: offset)
        }
    }

    let faults: Faults
    private let mounted = MountedFileSystem()

    init(faults: Faults) { self.faults = faults }

    func open(_ path: String) throws(SystemError) -> File {
        try faults.ask(.open, path)
        return File(try mounted.open(path), faults)
    }

    func identity(of path: String, followingLinks: Bool) throws(SystemError) -> FileIdentity {
        try faults.ask(.identity, path)
        return try mounted.identity(of: path, followingLinks: followingLinks)
    }

    func names(in directory: String) throws(SystemError) -> (names: [String], unreadable: Int) {
        try faults.ask(.names, directory)
        return try mounted.names(in: directory)
    }

    func linkTarget(of path: String) -> String? { mounted.linkTarget(of: path) }
    func makeWatches() throws(SystemError) -> Inotify { try mounted.makeWatches() }
    func bootIdentity() -> [UInt8] { mounted.bootIdentity() }
}
