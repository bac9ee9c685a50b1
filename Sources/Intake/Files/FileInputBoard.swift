import Synchronization

/// Where an input's thread writes what it is doing, and others read it.
package final class FileInputBoard: Sendable {
    private struct State {
        var files: [UInt64: FileInputStatus.File] = [:]
        var bytesUnderWay = 0
        var watched: [String] = []
        var polled: [String] = []
        var failures: [String: String] = [:]
        var wait: String?
    }

    private let name: String
    private let state = Mutex(State())
    private let lag = Atomic<Int>(0)
    private let lost = Atomic<UInt64>(0)
    private let looked = Atomic<Bool>(false)

    package init(name: String) {
        self.name = name
    }

    var lagBytes: Int { lag.load(ordering: .relaxed) }

    func addLag(_ change: Int) { lag.add(change, ordering: .relaxed) }
    func setLooked() { looked.store(true, ordering: .releasing) }
    func addLost(_ bytes: UInt64) { lost.add(bytes, ordering: .relaxed) }
    func set(_ serial: UInt64, _ file: FileInputStatus.File?) { state.withLock { $0.files[serial] = file } }
    /// - Returns: whether it was not known yet.
    func setFailure(_ path: String, _ message: String?) -> Bool {
        state.withLock {
            let isNew = $0.failures[path] != message
            if isNew { $0.failures[path] = message }
            return isNew
        }
    }
    func setWait(_ reason: String?) { state.withLock { $0.wait = reason } }
    func setBytesUnderWay(_ bytes: Int) { state.withLock { $0.bytesUnderWay = bytes } }
    func setDirectories(watched: [String], polled: [String]) {
        state.withLock {
            $0.watched = watched
            $0.polled = polled
        }
    }

    package var status: FileInputStatus {
        let now = state.withLock { $0 }
        return FileInputStatus(
            name: name, files: now.files.values.sorted { $0.path < $1.path },
            hasLooked: looked.load(ordering: .acquiring), lagBytes: lagBytes,
            bytesUnderWay: now.bytesUnderWay, watchedDirectories: now.watched, polledDirectories: now.polled,
            wait: now.wait, failures: now.failures.sorted { $0.key < $1.key }.map(\.value),
            bytesLost: lost.load(ordering: .relaxed))
    }
}
