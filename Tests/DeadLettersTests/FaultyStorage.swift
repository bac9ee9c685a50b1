import Glibc
import LinuxSystem
import Synchronization

/// A real directory whose writes and syncs fail when a test wants them to.
struct FaultyStorage: Storage {
    final class Faults: Sendable {
        /// The errno of writes; 0 lets them through. A failing write leaves half of its bytes behind.
        let write = Atomic<Int32>(0)
        let sync = Atomic<Int32>(0)
        /// Of files: so many that succeed all the same.
        let syncsLeft = Atomic<Int>(0)
        let truncate = Atomic<Int32>(0)
        let syncs = Atomic<Int>(0)
        let writes = Atomic<Int>(0)
        let directorySyncs = Atomic<Int>(0)
        /// What changed the disk, in order.
        let calls = Mutex<[String]>([])
        private let hook = Mutex<(readsLeft: Int, action: @Sendable () -> Void)?>(nil)

        /// Lets `action` happen just before the n-th read from now.
        func before(read nth: Int, _ action: @escaping @Sendable () -> Void) {
            hook.withLock { $0 = (nth - 1, action) }
        }

        fileprivate func willRead() {
            let action = hook.withLock { hook -> (@Sendable () -> Void)? in
                guard let due = hook else { return nil }
                hook = due.readsLeft > 0 ? (due.readsLeft - 1, due.action) : nil
                return due.readsLeft > 0 ? nil : due.action
            }
            action?()
        }

        /// Whether syncs are claimed and not done: for tests that open the store thousands of times.
        let skipsSyncs: Bool

        init(skipsSyncs: Bool = false) { self.skipsSyncs = skipsSyncs }
    }

    let real: DirectoryStorage
    let faults: Faults

    final class File: StorageFile {
        let real: RegularFile
        let faults: Faults
        init(_ real: RegularFile, _ faults: Faults) {
            self.real = real
            self.faults = faults
        }

        func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(SystemError) -> Int {
            faults.willRead()
            return try real.read(into: buffer, at: offset)
        }
        func write(_ parts: [UnsafeRawBufferPointer], at offset: UInt64) throws(SystemError) {
            faults.writes.add(1, ordering: .relaxed)
            faults.calls.withLock { $0.append("write") }
            let code = faults.write.load(ordering: .relaxed)
            guard code != 0 else { return try real.write(parts, at: offset) }
            try real.write(parts.map { UnsafeRawBufferPointer(rebasing: $0[..<($0.count / 2)]) }, at: offset)
            throw SystemError(call: "pwritev", subject: "file", code: code)
        }
        func synchronize() throws(SystemError) {
            faults.syncs.add(1, ordering: .relaxed)
            faults.calls.withLock { $0.append("sync") }
            let code = faults.sync.load(ordering: .relaxed)
            guard code == 0 || faults.syncsLeft.subtract(1, ordering: .relaxed).oldValue > 0 else {
                throw SystemError(call: "fdatasync", subject: "file", code: code)
            }
            if !faults.skipsSyncs { try real.synchronize() }
        }
        func allocate(_ length: UInt64) throws(SystemError) { try real.allocate(length) }
        func truncate(to length: UInt64) throws(SystemError) {
            faults.calls.withLock { $0.append("truncate") }
            let code = faults.truncate.load(ordering: .relaxed)
            guard code == 0 else { throw SystemError(call: "ftruncate", subject: "file", code: code) }
            try real.truncate(to: length)
        }
        func length() throws(SystemError) -> UInt64 { try real.length() }
    }

    func open(_ name: String, _ opening: StorageOpening) throws(SystemError) -> File {
        File(try real.open(name, opening), faults)
    }
    func names() throws(SystemError) -> [String] { try real.names() }
    func rename(_ old: String, to new: String) throws(SystemError) { try real.rename(old, to: new) }
    func remove(_ name: String) throws(SystemError) { try real.remove(name) }
    func synchronizeDirectory() throws(SystemError) {
        faults.directorySyncs.add(1, ordering: .relaxed)
        faults.calls.withLock { $0.append("directory") }
        if !faults.skipsSyncs { try real.synchronizeDirectory() }
    }
    func availableBytes() throws(SystemError) -> UInt64 { try real.availableBytes() }
    func directory(_ name: String) throws(SystemError) -> FaultyStorage {
        FaultyStorage(real: try real.directory(name), faults: faults)
    }
}
