import LinuxSystem

/// The file system of the simulated jobs, as they use it: directories with names, files behind them, and what watches are
/// told of it.
///
/// It is not what a crash of the daemon or a power cut loses: whether a job's own writes survive is the job's business, and
/// what was lost of them would be no loss of the daemon's. The machine's next boot finds it as it was, under another
/// device number.
final class SourceDisk {
    private let time: SimulatedTime
    private var directories: [String: [String: SourceNode]] = [:]
    private var directoryNodes: [String: SourceNode] = [:]
    /// Numbers that can be used again, with the birth of the last file that had them.
    private var freeNumbers: [UInt64: Int64] = [:]
    private var nextNumber: UInt64 = 100
    private var nextContent = 1
    private var nextCookie: UInt32 = 1
    private(set) var boot: UInt64 = 1
    /// What the running daemon watches.
    weak var watches: SimulatedWatches?
    /// Is told of a file that has got a name.
    var onNamed: (SourceNode) -> Void = { _ in }
    /// Is told of a file that has lost its last name.
    var onUnlinked: (SourceNode) -> Void = { _ in }
    /// Is told of a file that has neither a name nor a handle any more.
    var onFreed: (SourceNode) -> Void = { _ in }

    init(time: SimulatedTime, directories names: [String]) {
        self.time = time
        for name in names {
            directories[name] = [:]
            directoryNodes[name] = makeNode(in: name, "", isDirectory: true)
        }
    }

    /// Those that have a name, by directory and name.
    var named: [SourceNode] {
        directories.sorted { $0.key < $1.key }.flatMap { $0.value.sorted { $0.key < $1.key }.map(\.value) }
    }

    /// Those without a name that the daemon has open.
    private(set) var nameless: [SourceNode] = []

    var device: UInt64 { boot }
    var nowNanoseconds: Int64 { time.realtimeMicroseconds() * 1000 }

    func names(in directory: String) -> [String]? { directories[directory]?.keys.sorted() }

    func node(at path: String) -> SourceNode? {
        if let directory = directoryNodes[path] { return directory }
        let (directory, name) = Self.split(path)
        return directories[directory]?[name]
    }

    static func split(_ path: String) -> (directory: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return ("", path) }
        return (String(path[..<slash]), String(path[path.index(after: slash)...]))
    }

    // MARK: What jobs do

    func create(_ path: String) -> SourceNode {
        let (directory, name) = Self.split(path)
        let made = makeNode(in: directory, name, isDirectory: false)
        made.links = 1
        directories[directory]?[name] = made
        onNamed(made)
        watches?.note(.created, in: directory, name)
        return made
    }

    func append(_ bytes: ArraySlice<UInt8>, to node: SourceNode) {
        guard !bytes.isEmpty else { return }
        node.append(bytes)
        tellModified(node)
    }

    func truncate(_ node: SourceNode) {
        node.truncate()
        node.content = newContent()
        tellModified(node)
    }

    /// The bytes of one file into another that is new, as `cp` does it.
    func copy(_ node: SourceNode, to path: String) {
        if self.node(at: path) != nil { remove(path) }
        let made = create(path)
        guard node.size > 0 else { return }
        made.takeCopy(of: node)
        tellModified(made)
    }

    func rename(_ old: String, to new: String) {
        let (from, to) = (Self.split(old), Self.split(new))
        guard let node = directories[from.directory]?.removeValue(forKey: from.name) else { return }
        let replaced = directories[to.directory]?.updateValue(node, forKey: to.name)
        node.place = to
        node.changedNanoseconds = stamp
        onNamed(node)
        nextCookie += 1
        watches?.note(.movedFrom, in: from.directory, from.name, cookie: nextCookie)
        watches?.note(.movedTo, in: to.directory, to.name, cookie: nextCookie)
        watches?.note(.selfMoved, of: node)
        if let replaced { unlink(replaced) }
    }

    func remove(_ path: String) {
        let (directory, name) = Self.split(path)
        guard let node = directories[directory]?.removeValue(forKey: name) else { return }
        unlink(node)
        watches?.note(.deleted, in: directory, name)
    }

    // MARK: The daemon's side

    /// Whether the daemon starts, and knows of no start before.
    var isFirstLook = false

    func opened(_ node: SourceNode) {
        node.handles += 1
        if isFirstLook { node.isOfFirstLook = true }
    }

    func closed(_ node: SourceNode) {
        node.handles -= 1
        freeIfUnused(node)
    }

    /// The daemon is gone: what it had open is closed, what it watched is not watched any more.
    func processEnded(_ open: [SourceNode]) {
        watches = nil
        for node in open {
            node.handles = 0
            freeIfUnused(node)
        }
    }

    func reboot() { boot += 1 }

    // MARK: Its insides

    private func makeNode(in directory: String, _ name: String, isDirectory: Bool) -> SourceNode {
        // The lowest number that is free, as ext4 does it; births have the grain of the kernel's clock, and a number is not
        // used again within one.
        let birth = stamp
        let number = freeNumbers.filter { $0.value != birth }.keys.min() ?? nextNumber
        if freeNumbers.removeValue(forKey: number) == nil { nextNumber += 1 }
        return SourceNode(
            number: number, birthNanoseconds: birth, place: (directory, name), content: newContent(),
            isDirectory: isDirectory)
    }

    private func newContent() -> Int {
        nextContent += 1
        return nextContent
    }

    /// The present time with the grain of the kernel's clock.
    private var stamp: Int64 { time.realtimeMicroseconds() / 4000 * 4_000_000 }

    private func tellModified(_ node: SourceNode) {
        node.modifiedNanoseconds = stamp
        node.changedNanoseconds = stamp
        watches?.note(.modified, in: node.place.directory, node.place.name)
        watches?.note(.modified, of: node)
    }

    private func unlink(_ node: SourceNode) {
        node.links -= 1
        watches?.note(.attributes, of: node)
        if node.links == 0 {
            nameless.append(node)
            onUnlinked(node)
        }
        freeIfUnused(node)
    }

    private func freeIfUnused(_ node: SourceNode) {
        guard node.links == 0, node.handles == 0 else { return }
        nameless.removeAll { $0 === node }
        watches?.freed(node)
        freeNumbers[node.number] = node.birthNanoseconds
        onFreed(node)
    }
}
