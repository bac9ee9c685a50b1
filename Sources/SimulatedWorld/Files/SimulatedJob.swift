/// A job that appends lines to a log file, whatever becomes of its name, and what rotates that file.
///
/// Each line has a number of its own and says so. What must become of it is known by ``FileAccounts``.
final class SimulatedJob {
    let source: Int
    let path: String
    private let disk: SourceDisk
    private let accounts: FileAccounts
    private let elsewhere: String
    /// The file that it has open.
    private var node: SourceNode?
    private var nextNumber = 1
    /// The line that it has begun, and what is left of it.
    private var begun: (line: SimulatedLine, rest: ArraySlice<UInt8>)?
    private var rotations = 0
    /// A copy was made for a truncation that is still to come.
    private var isCopied = false

    init(source: Int, path: String, elsewhere: String, on disk: SourceDisk, accounts: FileAccounts) {
        self.source = source
        self.path = path
        self.elsewhere = elsewhere
        self.disk = disk
        self.accounts = accounts
    }

    func perform(_ action: JobAction) {
        switch action {
        case .append(let lines): for _ in 0..<lines { write(.max) }
        case .part(let bytes): write(bytes)
        case .rotate(let place): rotate(place)
        case .reopen: reopen()
        case .copy(let place): copy(place)
        case .truncate: truncate()
        case .copyTruncate(let place, let lines):
            copy(place)
            for _ in 0..<lines { write(.max) }
            truncate()
        case .delete:
            if isCopied { truncate() }
            disk.remove(path)
        case .deleteRotated:
            if let last = rotated().last { disk.remove(last) }
        case .replace:
            finishLine()
            if isCopied { truncate() }
            let made = disk.create(path + ".new")
            disk.rename(path + ".new", to: path)
            node = made
        case .abandonLine(let place):
            guard let line = begin() else { return }
            disk.append(line.rest.dropLast(), to: line.node)
            accounts.wrote(line.line, to: line.node, isAbandoned: true)
            begun = nil
            node = nil
            rotate(place)
        }
    }

    /// Before so much time passes that a line is taken for ended, or a copy for a file of its own.
    func hurry() {
        finishLine()
        if isCopied { truncate() }
    }

    // MARK: Writing

    /// At most so many bytes of the line that was begun, or of the next.
    private func write(_ bytes: Int) {
        guard let (line, rest, node) = begin() else { return }
        let part = rest.prefix(bytes)
        disk.append(part, to: node)
        begun = (line, rest.dropFirst(part.count))
        if part.count == rest.count {
            begun = nil
            accounts.wrote(line, to: node)
        }
    }

    private func begin() -> (line: SimulatedLine, rest: ArraySlice<UInt8>, node: SourceNode)? {
        if node == nil { reopen() }
        guard let node else { return nil }
        if let begun { return (begun.line, begun.rest, node) }
        let line = SimulatedLine(source: source, number: nextNumber)
        nextNumber += 1
        return (line, line.bytes[...], node)
    }

    private func finishLine() {
        if begun != nil { write(.max) }
    }

    private func reopen() {
        finishLine()
        node = disk.node(at: path) ?? disk.create(path)
    }

    // MARK: Rotating

    private func rotate(_ place: JobAction.Rotated) {
        guard disk.node(at: path) != nil else { return }
        if isCopied { truncate() }
        disk.rename(path, to: target(place))
    }

    private func copy(_ place: JobAction.Rotated) {
        guard let present = disk.node(at: path), !isCopied else { return }
        finishLine()
        disk.copy(present, to: target(place))
        isCopied = true
    }

    private func truncate() {
        finishLine()
        isCopied = false
        guard let present = disk.node(at: path) else { return }
        accounts.destroys(present) { disk.truncate(present) }
    }

    private func target(_ place: JobAction.Rotated) -> String {
        rotations += 1
        switch place {
        case .dated: return "\(path)-\(rotations)"
        case .elsewhere: return "\(elsewhere)/\(SourceDisk.split(path).name).\(rotations)"
        case .shifted:
            disk.remove("\(path).3")
            for number in [2, 1] { disk.rename("\(path).\(number)", to: "\(path).\(number + 1)") }
            return "\(path).1"
        }
    }

    private func rotated() -> [String] {
        let name = SourceDisk.split(path).name
        return [SourceDisk.split(path).directory, elsewhere].flatMap { directory in
            (disk.names(in: directory) ?? []).filter { $0.hasPrefix(name) && $0 != name }.map { "\(directory)/\($0)" }
        }
    }
}
