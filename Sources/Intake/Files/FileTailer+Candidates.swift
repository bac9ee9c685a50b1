import Instruments
import LinuxSystem
import OperationLogs

/// A file that was seen under a name: by the time it is opened, the name may lead to another.
struct Candidate: Hashable {
    let path: String
    let identity: FileIdentity
    let isWanted: Bool

    static func == (a: Self, b: Self) -> Bool { a.path == b.path && FileKey(a.identity) == FileKey(b.identity) }

    func hash(into hasher: inout Hasher) {
        hasher.combine(path)
        hasher.combine(FileKey(identity))
    }
}

/// The files that are there, followed or not, and those among them that nobody saw come.
extension FileTailer {
    func candidates(in places: Set<String>) -> [Candidate] { places.sorted().flatMap { candidates(in: $0) } }

    func candidates(in directory: String) -> [Candidate] { list(directory).compactMap { candidate($0) } }

    /// Files may be renamed while this looks: it looks again until two looks agree.
    ///
    /// - Parameter done: takes what was seen; whether nothing is left to look for.
    /// - Returns: what was seen at last, and whether the last two looks agree.
    @discardableResult
    func lookUntilSettled(in places: Set<String>, _ done: ([Candidate]) -> Bool) -> (
        candidates: [Candidate], isSettled: Bool
    ) {
        var candidates = candidates(in: places)
        for _ in 0..<20 {
            if done(candidates) { break }
            let before = Set(candidates)
            candidates = self.candidates(in: places)
            if Set(candidates) == before { return (candidates, true) }
        }
        return (candidates, false)
    }

    func candidate(_ path: String) -> Candidate? {
        let isWanted = isWanted(path)
        guard let identity = try? fileSystem.identity(of: path, followingLinks: isWanted), identity.isRegularFile else {
            // What cannot be looked at is tried again later.
            if isWanted { look(at: path) }
            return nil
        }
        return Candidate(path: path, identity: identity, isWanted: isWanted)
    }

    /// Nil if its name leads to another file by now.
    func open(_ candidate: Candidate) -> (FileSystem.File, FileIdentity)? {
        guard let open = try? fileSystem.open(candidate.path), let identity = try? open.identity(),
            FileKey(identity) == FileKey(candidate.identity)
        else { return nil }
        return (open, identity)
    }

    /// Follows files that came and were rotated out of the patterns while nobody looked: they have the name of a followed
    /// file with something behind it, and hold nothing that another begins with.
    ///
    /// - Returns: whether all could be looked at; not so where one was renamed or removed since it was listed.
    @discardableResult
    func trackUnseen(_ candidates: [Candidate], bornAfter time: Int64) -> Bool {
        var areAll = true
        for candidate in candidates.sorted(by: { $0.identity.birthNanoseconds < $1.identity.birthNanoseconds }) {
            guard !candidate.isWanted, candidate.identity.birthNanoseconds > time,
                byKey[FileKey(candidate.identity)] == nil, let name = nameBeforeRotation(of: candidate.path)
            else { continue }
            guard let (open, identity) = open(candidate) else {
                areAll = false
                continue
            }
            if isCopy(open, size: identity.size) { continue }
            if continuesFormer(candidate, open, identity, recordedAs: name) { continue }
            diagnostics.info(
                "input \(options.name): \(candidate.path) came and was rotated while nobody looked; it is read as \(name)"
            )
            track(candidate.path, recordedAs: name)
        }
        return areAll
    }

    /// Whether a file is certainly the copy of one that is followed. One that is short, and begins like another, may still
    /// grow into a file of its own: it is followed, and held back.
    private func isCopy(_ open: FileSystem.File, size: UInt64) -> Bool {
        for file in filesInOrder {
            let resemblance = Resemblance.of(open, size: size, to: file)
            guard resemblance == .whole || resemblance == .beginning && size >= UInt64(FilePosition.fingerprintBytes)
            else { continue }
            // Until that has been read, its content may be truncated, and stand in the copy only.
            if file.read.offset == 0 { unreadCopied.insert(file.serial) }
            return true
        }
        return false
    }

    /// `/var/log/a.log` for `/var/log/a.log.1`, `/var/log/a.log-20261120` and the same names where rotated files go;
    /// nil for a name that is no rotated one, or that of a compressed file.
    func nameBeforeRotation(of path: String) -> String? {
        let directory = Self.directory(of: path)
        let name = path.dropFirst(directory == "/" ? 1 : directory.utf8.count + 1)
        guard !Self.compressedEndings.contains(where: { name.hasSuffix($0) }) else { return nil }
        for end in name.indices.reversed() where end > name.startIndex && ".-_".contains(name[end]) {
            let shorter = name[..<end]
            for pattern in wanted {
                let beside = pattern.components.dropLast().joined(separator: "/")
                for place in [directory, "/" + beside] where isWanted("\(place)/\(shorter)") {
                    return "\(place)/\(shorter)"
                }
            }
        }
        return nil
    }

    static var compressedEndings: [String] { [".gz", ".xz", ".zst", ".bz2", ".lz4"] }

    static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }
}
