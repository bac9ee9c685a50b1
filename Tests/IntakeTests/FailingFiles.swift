import LinuxSystem
import Synchronization

/// The mounted file systems, of which calls fail that are told to.
struct FailingFiles: SourceFileSystem {
    enum Call: Hashable { case open, identity, identityOfOpen, names, read }

    /// Which calls fail, on paths that end so.
    final class Faults: Sendable {
        private struct Fault {
            let call: Call
            let ending: String
            let code: Int32
            /// Such calls that are left to succeed.
            var left: Int
        }

        private let all = Mutex<[Fault]>([])

        /// - Parameter nth: the first such call that fails.
        func fail(_ call: Call, _ ending: String, _ code: Int32, from nth: Int = 1) {
            all.withLock { $0.append(Fault(call: call, ending: ending, code: code, left: nth - 1)) }
        }

        private let due = Mutex<(call: Call, ending: String, action: @Sendable () -> Void)?>(nil)

        /// Lets `action` happen just before the next such call.
        func before(_ call: Call, _ ending: String, _ action: @escaping @Sendable () -> Void) {
            due.withLock { $0 = (call, ending, action) }
        }

        func end() { all.withLock { $0 = [] } }

        private let opens = Atomic<Int>(0)
        /// How many files were opened.
        var opened: Int { opens.load(ordering: .relaxed) }
        func countOpen() { opens.add(1, ordering: .relaxed) }

        /// Directories that end so are such as other machines write to.
        let unwatchedDirectory = Mutex<String?>(nil)

        /// Files that end so are of a file system for which a program answers by path: what is open has the size and the
        /// identity of the file that has its name now.
        let answersByPath = Mutex<String?>(nil)

        func isAnsweredByPath(_ path: String) -> Bool {
            answersByPath.withLock { $0 }.map(path.hasSuffix) ?? false
        }

        private let short = Mutex<String?>(nil)

        /// The next read of such a file gives one byte, though there are more.
        func shortenNextRead(_ ending: String) { short.withLock { $0 = ending } }

        func isShort(_ path: String) -> Bool {
            short.withLock { ending in
                guard let wanted = ending, path.hasSuffix(wanted) else { return false }
                ending = nil
                return true
            }
        }

        func ask(_ call: Call, _ path: String) throws(SystemError) {
            let action = due.withLock { due -> (@Sendable () -> Void)? in
                guard let now = due, now.call == call, path.hasSuffix(now.ending) else { return nil }
                due = nil
                return now.action
            }
            action?()
            let code = all.withLock { faults -> Int32? in
                guard let index = faults.firstIndex(where: { $0.call == call && path.hasSuffix($0.ending) }) else {
                    return nil
                }
                faults[index].left -= 1
                return faults[index].left < 0 ? faults[index].code : nil
            }
            if let code { throw SystemError(call: "\(call)", subject: path, code: code) }
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
        var kernelPath: String? { file.kernelPath }
        func identity() throws(SystemError) -> FileIdentity {
            try faults.ask(.identityOfOpen, file.path)
            return faults.isAnsweredByPath(file.path) ? try FileIdentity.at(file.path) : try file.identity()
        }

        func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(SystemError) -> Int {
            try faults.ask(.read, file.path)
            var count = try file.read(into: buffer, at: offset)
            if faults.isAnsweredByPath(file.path) {
                // The kernel gives nothing beyond the size that it was told.
                let size = try FileIdentity.at(file.path).size
                count = min(count, size > offset ? Int(size - offset) : 0)
            }
            return faults.isShort(file.path) ? min(count, 1) : count
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
        faults.countOpen()
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
    func unwatchedWriters(in directory: String) -> String? {
        let ending = faults.unwatchedDirectory.withLock { $0 }
        if let ending, directory.hasSuffix(ending) { return "another machine writes there" }
        return mounted.unwatchedWriters(in: directory)
    }
    func makeWatches() throws(SystemError) -> Inotify { try mounted.makeWatches() }
    func bootIdentity() -> [UInt8] { mounted.bootIdentity() }
}
