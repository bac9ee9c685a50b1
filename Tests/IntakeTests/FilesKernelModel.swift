import Glibc
import LinuxSystem

@testable import Intake

/// Log files in real directories, what jobs do to them, and what must become of each line: it is *owed*, once, unless its
/// loss is one of those that <doc:FilePositions> states. Such a line may come all the same, but not twice.
final class FilesKernelModel {
    /// A file, whatever it is called. The writer may keep it open.
    final class Node {
        let key: FileKey
        var writer: Descriptor?
        /// Under which it was opened, and which goes on to the new name when that is renamed.
        var writerName = ""
        var lines: [Int] = []
        /// Of a line that has begun.
        var rest: (line: Int, bytes: ArraySlice<UInt8>)?
        /// Counts up at each truncation.
        var content = 0
        /// Paths that the daemon looks at.
        var names: Set<String> = []

        init(_ key: FileKey, _ writer: Descriptor) {
            self.key = key
            self.writer = writer
        }
    }

    let directory: String
    private(set) var nodes: [Node] = []
    private(set) var owed: Set<Int> = []
    private(set) var written = 0
    /// The file and content in which each line was written, by its number.
    private(set) var homes: [(key: FileKey, content: Int)] = []
    private var rotations = 0
    /// Whether the daemon has a file open.
    var isHeld: (FileKey) -> Bool = { _ in false }
    /// Whether the daemon knows that a file has, or had, several links.
    var knowsLinks: (FileKey) -> Bool = { _ in false }
    var durable: () -> Set<Int> = { [] }
    /// Told of all that is written, for the failure's history.
    var tell: (String) -> Void = { _ in }

    init() {
        var template = Array("/tmp/opslogd-kernel-XXXXXX".utf8CString)
        directory = String(cString: mkdtemp(&template))
        for name in ["old", "targets"] { mkdir(path(name), 0o755) }
    }

    deinit { _ = removeTree(directory) }

    func path(_ name: String) -> String { "\(directory)/\(name)" }
    func node(_ name: String) -> Node? { nodes.first { $0.names.contains(name) } }

    // MARK: Writing

    /// The file of this name, made if there is none.
    func open(_ name: String, startingWith mark: String = "") -> Node? {
        if let node = node(name) {
            if node.writer == nil { (node.writer, node.writerName) = (descriptor(name), name) }
            return node
        }
        guard let writer = descriptor(name), let identity = try? FileIdentity.at(path(name)) else { return nil }
        let made = Node(FileKey(identity), writer)
        (made.names, made.writerName) = ([name], name)
        nodes.append(made)
        put(Array(mark.utf8), made)
        return made
    }

    private func descriptor(_ name: String) -> Descriptor? {
        let opened = Glibc.open(path(name), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        return opened >= 0 ? Descriptor(owning: opened) : nil
    }

    private func put(_ bytes: some Collection<UInt8>, _ node: Node) {
        guard let writer = node.writer, !bytes.isEmpty else { return }
        let bytes = Array(bytes)
        precondition(Glibc.write(writer.rawValue, bytes, bytes.count) == bytes.count, "the disk of the test is full")
        tell("\(bytes.count) bytes to inode \(node.key.inode) \(node.names.sorted())")
    }

    /// Writes a line, or its first bytes only.
    func write(to node: Node, end: String = "\n", upTo count: Int = .max) {
        if node.rest != nil { return finishLine(of: node) }
        guard node.writer != nil else { return }
        let text = String(FileScene.line("\(written)").dropLast()) + end
        let bytes = Array(text.utf8)
        let part = min(count, bytes.count - 1)
        if count == .max {
            put(bytes, node)
            note(written, in: node)
        } else {
            put(bytes[..<part], node)
            node.rest = (written, bytes[part...])
        }
        homes.append((node.key, node.content))
        written += 1
    }

    func writeBlank(to node: Node) { if node.rest == nil { put(Array("\n \r\n".utf8), node) } }

    func finishLine(of node: Node) {
        guard let (line, bytes) = node.rest else { return }
        node.rest = nil
        put(bytes, node)
        note(line, in: node)
    }

    func finishLines() { for node in nodes { finishLine(of: node) } }

    private func note(_ line: Int, in node: Node) {
        node.lines.append(line)
        if isReachable(node) { owed.insert(line) }
        tell("\(line) stands in inode \(node.key.inode)")
    }

    private func isReachable(_ node: Node) -> Bool { !node.names.isEmpty || isHeld(node.key) }

    /// Lines of which nothing is left are no longer owed, unless they are durable.
    func excuse(_ lines: [Int]) {
        var left = Set(lines).intersection(owed)
        guard !left.isEmpty else { return }
        left.subtract(durable())
        for node in nodes where !left.isEmpty && isReachable(node) { left.subtract(node.lines) }
        owed.subtract(left)
    }

    // MARK: Names

    /// - Returns: the new name; nil if there is nothing to rotate.
    func rotate(_ name: String, into place: String) -> String? {
        guard let node = node(name) else { return nil }
        rotations += 1
        let target =
            place == "old"
            ? "old/\(name.split(separator: "/").joined(separator: "-")).\(rotations)" : "\(name).\(rotations)"
        guard rename(path(name), path(target)) == 0 else { return nil }
        node.names.remove(name)
        node.names.insert(target)
        if node.writerName == name { node.writerName = target }
        return target
    }

    /// As logrotate's copytruncate does it; `meanwhile` happens in between.
    func copyTruncate(_ name: String, meanwhile: (String) -> Void) {
        guard let node = node(name), let bytes = content(of: name) else { return }
        finishLine(of: node)
        rotations += 1
        let target = "\(name).\(rotations)"
        guard let copy = open(target) else { return }
        let all = content(of: name) ?? bytes
        put(all, copy)
        copy.lines = node.lines
        copy.writer = nil
        meanwhile(target)
        truncate(node, name)
    }

    private func content(of name: String) -> [UInt8]? {
        guard let file = try? InputFile(path: path(name)), let size = try? file.identity().size else { return nil }
        return try? file.bytes(Int(size), at: 0)
    }

    /// - Parameter refilled: with lines up to the size that it had.
    func truncate(_ node: Node, _ name: String, refilled: Bool = false) {
        finishLine(of: node)
        guard let size = (try? FileIdentity.at(path(name)))?.size, Glibc.truncate(path(name), 0) == 0 else { return }
        let lines = node.lines
        node.lines = []
        node.content += 1
        excuse(lines)
        guard refilled, size > 200, let writer = descriptor(name) else { return }
        (node.writer, node.writerName) = (writer, name)
        while (try? FileIdentity.at(path(name)))?.size ?? size < size - 150 { write(to: node) }
        // What is left is filled with a blank line of just that length.
        let left = Int(size - ((try? FileIdentity.at(path(name)))?.size ?? size))
        if left > 0 { put([UInt8](repeating: 0x20, count: left - 1) + [0x0a], node) }
    }

    private func close(_ node: Node) {
        finishLine(of: node)
        node.writer = nil
    }

    /// A writer of several links whose own is removed writes on only where the daemon knows of them: nothing tells of what it
    /// writes then, and a limit says so.
    func remove(_ name: String, writerStays: Bool) {
        guard let node = node(name) else { return }
        if node.names.count > 1, node.writerName == name, !knowsLinks(node.key) { close(node) }
        guard unlink(path(name)) == 0 else { return }
        node.names.remove(name)
        guard node.names.isEmpty else { return }
        if !writerStays { close(node) }
        excuse(node.lines)
        if node.writer == nil, !isHeld(node.key) { nodes.removeAll { $0 === node } }
    }

    /// As logrotate's `rotate` does it.
    func keepRotated(_ most: Int) {
        func number(_ name: String) -> Int? { name.split(separator: ".").last.flatMap { Int($0) } }
        let rotated = nodes.flatMap(\.names).compactMap { name in number(name).map { (number: $0, name: name) } }
        guard rotated.count > most else { return }
        for (_, name) in rotated.sorted(by: { $0.number < $1.number }).dropLast(most) {
            remove(name, writerStays: false)
        }
    }

    func link(_ name: String, _ other: String) {
        guard let node = node(name), Glibc.link(path(name), path(other)) == 0 else { return }
        node.names.insert(other)
    }

    /// Lets a symbolic link lead to another target, which is made.
    func pointLink(_ name: String, to target: String) {
        let former = nodes.first { $0.names.contains(name) }
        former.map(finishLine)
        unlink(path(name))
        former?.names.remove(name)
        if let former, former.names.isEmpty { excuse(former.lines) }
        guard symlink(path(target), path(name)) == 0 else { return }
        let opened = Glibc.open(path(target), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard opened >= 0, let identity = try? FileIdentity.at(path(target)) else { return }
        let made = Node(FileKey(identity), Descriptor(owning: opened))
        (made.names, made.writerName) = ([name], name)
        nodes.append(made)
    }

    func removeDirectory(_ name: String) {
        for node in nodes {
            for path in node.names where path.hasPrefix(name + "/") { remove(path, writerStays: false) }
        }
        rmdir(path(name))
    }

    /// The daemon ends: what it alone had open is gone.
    func daemonEnds(_ body: () -> Void) {
        let nameless = nodes.filter(\.names.isEmpty)
        for node in nodes where !node.names.isEmpty && !node.names.contains(node.writerName) { close(node) }
        body()
        for node in nameless {
            excuse(node.lines)
            nodes.removeAll { $0 === node }
        }
    }

    /// Those without a name that the daemon has let go.
    func forgetReleased() {
        for node in nodes where node.names.isEmpty && !isHeld(node.key) {
            excuse(node.lines)
            nodes.removeAll { $0 === node }
        }
    }
}

private func removeTree(_ path: String) -> Int32 {
    for name in (try? DirectoryListing.names(of: path))?.names ?? [] {
        let inner = "\(path)/\(name)"
        if (try? FileIdentity.at(inner, followingLinks: false))?.isDirectory ?? false {
            _ = removeTree(inner)
        } else {
            unlink(inner)
        }
    }
    return rmdir(path)
}
