import Glibc
import Instruments
import LinuxSystem

/// The watches of one input: the directories that its patterns lead to, those in which such directories may appear, and
/// those of the targets of links. Owned by the input's thread.
///
/// A directory that cannot be watched is looked through at intervals, and named in the log and in `status`. So is one on a
/// file system to which others write of whom the kernel does not tell; it is watched too, for what this machine does.
final class DirectoryWatch<FileSystem: SourceFileSystem> {
    enum Change: Hashable {
        /// A file was written to under this name.
        case modified(String)
        /// Something may have happened to this name.
        case look(String)
        /// What had the first name has the second, or had it.
        case moved(from: String, to: String)
        /// Something happened to a file that is watched itself.
        case file(UInt64)
        /// Anything may have happened.
        case everything
    }

    private static var ofDirectories: Inotify.Events {
        [.created, .deleted, .movedFrom, .movedTo, .selfDeleted, .selfMoved, .onlyDirectory, .adding]
    }
    private static var ofNames: Inotify.Events { ofDirectories.union([.modified, .attributes]) }
    private static var ofFiles: Inotify.Events { [.modified, .attributes, .selfMoved] }

    private let fileSystem: FileSystem
    private let watches: FileSystem.Watches?
    private let maxWatches: Int
    private let diagnostics: Diagnostics
    private let input: String
    private var watchOf: [String: Int32] = [:]
    private var directoriesOf: [Int32: Set<String>] = [:]
    private var fileOf: [Int32: UInt64] = [:]
    /// Directories whose own entries are path components, not files.
    private var ancestors: Set<String> = []
    /// What the walk that is under way needs.
    private var needed: Set<String> = []
    /// What that walk could not look at, and why.
    private var unseen: [String: SystemError] = [:]
    /// Until when events are not asked for, since that has failed.
    private var unreadableUntil: UInt64 = 0
    /// Names that are links, by the name that they lead to.
    private var linksTo: [String: Set<String>] = [:]
    private(set) var polled: Set<String> = []
    /// First halves of renamings, by their cookies, until the second comes; or does not, since the file went out of sight.
    private var leaving: [UInt32: (path: String, until: UInt64)] = [:]

    init(of fileSystem: FileSystem, input: String, maxWatches: Int, diagnostics: Diagnostics) {
        self.fileSystem = fileSystem
        self.input = input
        self.maxWatches = maxWatches
        self.diagnostics = diagnostics
        do {
            watches = try fileSystem.makeWatches()
        } catch {
            watches = nil
            diagnostics.warning("input \(input): \(error); its directories are looked through at intervals")
        }
    }

    var watched: [String] { watchOf.keys.sorted() }

    // MARK: What is watched

    /// What a walk along the patterns has found.
    struct Walk {
        /// The directories in which the last components are to be looked for.
        var directories: Set<String> = []
        /// Paths at and below which there may be more: they could not be looked at now.
        var unseen: [String: SystemError] = [:]
    }

    /// Watches all that the patterns lead to, each directory before anybody lists it.
    func walk(_ patterns: [PathPattern]) -> Walk {
        needed = []
        unseen = [:]
        ancestors = []
        linksTo = [:]
        polled = []
        var found: Set<String> = []
        for pattern in patterns { descend("", pattern.components[...], &found) }
        return Walk(directories: found, unseen: unseen)
    }

    /// Ends the watches that nothing has asked for since the walk began.
    func endUnused() {
        for (path, watch) in watchOf.sorted(by: { $0.key < $1.key }) where !needed.contains(path) {
            watchOf[path] = nil
            directoriesOf[watch]?.remove(path)
            guard directoriesOf[watch]?.isEmpty ?? true else { continue }
            directoriesOf[watch] = nil
            watches?.end(watch)
        }
    }

    private func descend(_ directory: String, _ components: ArraySlice<String>, _ found: inout Set<String>) {
        guard let next = components.first else { return }
        let here = directory.isEmpty ? "/" : directory
        let rest = components.dropFirst()
        if rest.isEmpty {
            watch(here, Self.ofNames)
            found.insert(here)
        } else if PathPattern.isWild(next) {
            ancestors.insert(here)
            watch(here, Self.ofDirectories)
            for name in names(in: here)
            where PathPattern.matches(name: name, next) && isDirectory("\(directory)/\(name)") {
                descend("\(directory)/\(name)", rest, &found)
            }
        } else {
            let path = "\(directory)/\(next)"
            let isLink = fileSystem.linkTarget(of: path) != nil
            if isLink || !isDirectory(path) {
                // It may come, or lead elsewhere one day.
                ancestors.insert(here)
                watch(here, Self.ofDirectories)
            }
            if isDirectory(path) { descend(path, rest, &found) }
        }
    }

    private func names(in directory: String) -> [String] {
        do {
            return try fileSystem.names(in: directory).names
        } catch {
            if !error.isAbsence { unseen[directory] = error }
            return []
        }
    }

    private func isDirectory(_ path: String) -> Bool {
        do {
            return try fileSystem.identity(of: path).isDirectory
        } catch {
            if !error.isAbsence { unseen[path] = error }
            return false
        }
    }

    private func watch(_ directory: String, _ events: Inotify.Events) {
        needed.insert(directory)
        if let writers = fileSystem.unwatchedWriters(in: directory) {
            poll(directory, isFault: false, "is looked through at intervals: \(writers)")
        }
        guard let watches, watchOf[directory] != nil || watchOf.count < maxWatches else {
            pollUnwatched(directory, "the limit of watches is reached")
            return
        }
        do {
            let watch = try watches.watch(directory, events)
            if let before = watchOf[directory], before != watch { directoriesOf[before]?.remove(directory) }
            watchOf[directory] = watch
            directoriesOf[watch, default: []].insert(directory)
        } catch {
            // A directory that has gone since is the business of the one above it.
            if error.code == ENOENT || error.code == ENOTDIR { return }
            pollUnwatched(directory, error.code == ENOSPC ? "raise fs.inotify.max_user_watches" : "\(error)")
        }
    }

    private var announced: Set<String> = []

    private func pollUnwatched(_ directory: String, _ reason: String) {
        poll(directory, isFault: true, "cannot be watched and is looked through at intervals: \(reason)")
    }

    private func poll(_ directory: String, isFault: Bool, _ what: String) {
        polled.insert(directory)
        guard announced.insert(directory).inserted else { return }
        let message = "input \(input): \(directory) \(what)"
        if isFault { diagnostics.warning(message) } else { diagnostics.notice(message) }
    }

    /// Watches the directories of what a name leads to if it is a symbolic link, hop by hop.
    func followLinks(of path: String) {
        var hop = path
        for _ in 0..<8 {
            guard let target = fileSystem.linkTarget(of: hop) else { return }
            let directory = String(hop[..<(hop.lastIndex(of: "/") ?? hop.startIndex)])
            hop = target.hasPrefix("/") ? target : "\(directory)/\(target)"
            guard let slash = hop.lastIndex(of: "/") else { return }
            linksTo[hop, default: []].insert(path)
            watch(slash == hop.startIndex ? "/" : String(hop[..<slash]), Self.ofNames)
        }
    }

    /// Watches an open file itself.
    ///
    /// - Returns: nil if it cannot be watched now.
    func watch(_ file: FileSystem.File, serial: UInt64) -> Int32? {
        guard let watch = try? watches?.watch(file.descriptorPath, Self.ofFiles) else { return nil }
        fileOf[watch] = serial
        return watch
    }

    func end(_ watch: Int32) {
        fileOf[watch] = nil
        watches?.end(watch)
    }

    // MARK: What has happened

    struct Changes {
        /// Each once, in the order of their first appearance; renamings as often as they happened.
        var list: [Change] = []
        /// Whether these are all that there were.
        var areAll = true
        /// Whether a name may lead to another file than before.
        var areOfNames: Bool {
            list.contains {
                switch $0 {
                case .modified, .file: false
                case .look, .moved, .everything: true
                }
            }
        }
    }

    /// What happened since the last call; of very much, a part.
    func changes(now: UInt64) -> Changes {
        leaving = leaving.filter { $0.value.until > now }
        var changes = Changes()
        guard now >= unreadableUntil else {
            changes.areAll = false
            return changes
        }
        var seen: Set<Change> = []
        while true {
            let events: [Inotify.Event]
            do {
                events = try watches?.read() ?? []
            } catch {
                // They stay in the queue, and keep its descriptor readable.
                unreadableUntil = now + Self.unreadableNanoseconds
                changes.areAll = false
                return changes
            }
            if events.isEmpty { return changes }
            for event in events {
                note(event, now) { change in
                    if case .moved = change { return changes.list.append(change) }
                    if seen.insert(change).inserted { changes.list.append(change) }
                }
            }
            if changes.list.count > 4096 {
                changes.areAll = false
                return changes
            }
        }
    }

    private static var unreadableNanoseconds: UInt64 { 1_000_000_000 }

    /// Until when the second half of a renaming may come; nil if none is awaited. The two follow one another in the kernel,
    /// but whoever renames may lose the processor in between.
    var awaitsRenamingUntil: UInt64? { leaving.values.map(\.until).max() }

    private static var renamingNanoseconds: UInt64 { 250_000_000 }

    private func note(_ event: Inotify.Event, _ now: UInt64, _ add: (Change) -> Void) {
        if event.events.contains(.overflow) { return add(.everything) }
        if let serial = fileOf[event.watch] {
            if event.events.contains(.ignored) { fileOf[event.watch] = nil }
            return add(.file(serial))
        }
        guard let directories = directoriesOf[event.watch] else { return }
        if event.events.contains(.ignored) {
            directoriesOf[event.watch] = nil
            for directory in directories where watchOf[directory] == event.watch { watchOf[directory] = nil }
            return add(.everything)
        }
        if event.events.contains(.selfMoved) {
            // The watch goes on at the directory's new place, where nobody asked for it.
            watches?.end(event.watch)
            return
        }
        guard let name = event.name, !name.isEmpty else { return }
        let isContent = event.events.contains(.modified)
        for directory in directories.sorted() {
            if ancestors.contains(directory), !isContent { add(.everything) }
            if event.events.contains(.isDirectory) { continue }
            let path = directory == "/" ? "/\(name)" : "\(directory)/\(name)"
            add(isContent ? .modified(path) : .look(path))
            if event.events.contains(.movedFrom) {
                leaving[event.cookie] = (path, now + Self.renamingNanoseconds)
            }
            if event.events.contains(.movedTo), let old = leaving[event.cookie] {
                add(.moved(from: old.path, to: path))
            }
            for link in linksTo[path]?.sorted() ?? [] { add(isContent ? .modified(link) : .look(link)) }
        }
        if event.events.contains(.movedTo) { leaving[event.cookie] = nil }
    }

    /// Waits for a change, for the wake-up, or for the time.
    func wait(or wake: EventDescriptor, milliseconds: Int?, now: UInt64) {
        guard let watches else {
            wake.wait(milliseconds: milliseconds)
            return
        }
        guard now < unreadableUntil else {
            return watches.wait(or: wake, milliseconds: milliseconds, forEvents: true)
        }
        let left = Int((unreadableUntil - now) / 1_000_000) + 1
        watches.wait(or: wake, milliseconds: min(milliseconds ?? left, left), forEvents: false)
    }
}
