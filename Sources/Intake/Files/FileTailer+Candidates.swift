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
    /// - Parameters:
    ///   - bearing: directories that bear on the question as those for rotated files do. Where this user has no right to
    ///     look, only these count: or the directory of somebody else would keep the question open for ever.
    ///   - survey: notes what could not be looked at.
    func candidates(in places: Set<String>, bearing: Set<String>, _ survey: inout Survey) -> [Candidate] {
        func note(_ trouble: SystemError, _ directory: String) {
            if !trouble.isDenial || bearing.contains(directory) || isRotatedPlace(directory) { survey.note(trouble) }
        }
        var found: [Candidate] = []
        for directory in places.sorted() {
            var here = Survey()
            for path in list(directory, &here) ?? [] {
                if let one = candidate(path, &here) { found.append(one) }
            }
            if let trouble = here.trouble { note(trouble, directory) }
        }
        for (path, trouble) in walkTroubles.sorted(by: { $0.key < $1.key }) { note(trouble, path) }
        return found
    }

    /// Looks where the copy of a file may be, or the file itself under another name.
    func lookAround(_ path: String, _ done: ([Candidate]) -> Bool) -> (
        candidates: [Candidate], isSettled: Bool, survey: Survey
    ) {
        let own = SourcePath.directory(of: path)
        return lookUntilSettled(in: directories.union([own]), bearing: [own], done)
    }

    func isRotatedPlace(_ directory: String) -> Bool {
        rotatedPlaces.contains { pattern in
            pattern.matches(path: directory)
                || PathPattern("/" + pattern.components.dropLast().joined(separator: "/")).matches(path: directory)
        }
    }

    /// Who has the name, if it is a regular file.
    func candidate(_ path: String, _ survey: inout Survey) -> Candidate? {
        let isWanted = isWanted(path)
        do {
            let identity = try fileSystem.identity(of: path, followingLinks: isWanted)
            return identity.isRegularFile ? Candidate(path: path, identity: identity, isWanted: isWanted) : nil
        } catch {
            if error.isAbsence {
                // What a link leads to may come.
                if isWanted { watch.followLinks(of: path) }
                return nil
            }
            survey.note(error)
            if isWanted { tryLater(path, error) } else { hold(SourcePath.directory(of: path), error) }
            return nil
        }
    }

    /// Nil if its name leads to another file by now.
    func open(_ candidate: Candidate) throws(SystemError) -> (file: FileSystem.File, identity: FileIdentity)? {
        do {
            let open = try fileSystem.open(candidate.path)
            let identity = try open.identity()
            return FileKey(identity) == FileKey(candidate.identity) ? (open, identity) : nil
        } catch {
            if error.isAbsence { return nil }
            throw error
        }
    }

    /// Compares a candidate, if that can be done now.
    ///
    /// - Parameters:
    ///   - path: what the candidate may be a copy of.
    ///   - survey: notes a failure, unless this user has no right to the file, and it has no name that such a copy has.
    /// - Returns: what `body` says; nil if that is no, or unknown.
    func compare<Answer>(
        _ candidate: Candidate, for path: String, _ survey: inout Survey,
        _ body: (FileSystem.File, FileIdentity) throws(SystemError) -> Answer?
    ) -> Answer? {
        do {
            guard let (open, identity) = try open(candidate) else { return nil }
            return try body(open, identity)
        } catch {
            if !error.isDenial || hasNameOfCopy(candidate.path, of: path) { survey.note(error) }
            return nil
        }
    }

    /// The same of a file that is followed, and held back.
    func compare<Answer>(
        _ file: Tracked, for path: String, _ survey: inout Survey,
        _ body: (FileSystem.File, UInt64) throws(SystemError) -> Answer?
    ) -> Answer? {
        do {
            let open = try reached(file)
            return try body(open, open.identity().size)
        } catch {
            if !error.isDenial || file.path == path || hasNameOfCopy(file.presentPath, of: path) { survey.note(error) }
            return nil
        }
    }

    private func hasNameOfCopy(_ name: String, of path: String) -> Bool {
        nameBeforeRotation(of: name) == path || isRotatedPlace(SourcePath.directory(of: name))
    }

    /// Follows files that came and were rotated out of the patterns while nobody looked: they have the name of a followed
    /// file with something behind it, and hold nothing that another begins with.
    ///
    /// - Returns: whether all could be looked at; not so where one was renamed or removed since it was listed.
    @discardableResult
    func trackUnseen(_ candidates: [Candidate]) -> Bool {
        var areAll = true
        for candidate in candidates.sorted(by: { $0.identity.birthNanoseconds < $1.identity.birthNanoseconds }) {
            guard !candidate.isWanted, byKey[FileKey(candidate.identity)] == nil,
                candidate.identity.birthNanoseconds > seen.seenUntil(in: SourcePath.directory(of: candidate.path)),
                let name = nameBeforeRotation(of: candidate.path)
            else { continue }
            do {
                guard let (open, identity) = try open(candidate) else {
                    areAll = false
                    continue
                }
                if try isCopy(open, identity, of: name) { continue }
                if try continuesFormer(candidate, open, identity, recordedAs: name) { continue }
                diagnostics.info(
                    "input \(options.name): \(candidate.path) came and was rotated while nobody looked; it is read as \(name)"
                )
                track(candidate.path, recordedAs: name, known: candidate.identity)
            } catch {
                // It is followed as what it may be; whether it is a copy is found out before it is read.
                trackUnopened(candidate.path, error, recordedAs: name, known: candidate.identity)
            }
        }
        return areAll
    }

    /// What may be the copy of a file with this name can be compared only once that can be looked at.
    func mustBeKnown(_ original: String) throws(SystemError) {
        if let waiting = unopened[original] { throw waiting.trouble }
        if let trouble = troubled[SourcePath.directory(of: original)] { throw trouble }
    }

    /// Whether a file is certainly the copy of one that is followed. One that is short, and begins like another, may still
    /// grow into a file of its own, and so may one that begins with the little that was read of another: it is followed, and
    /// held back.
    private func isCopy(_ open: FileSystem.File, _ identity: FileIdentity, of path: String) throws(SystemError)
        -> Bool
    {
        try mustBeKnown(path)
        let beginning = try beginning(of: open)
        let size = identity.size
        for file in filesInOrder {
            if file.path != path, file.read.offset > 0, !Resemblance.mayBe(beginning, to: file) { continue }
            if isTooOld(identity, toBeCopyOf: file) { continue }
            if file.file == nil, file.path == path || file.read.offset > 0 && file.trouble == nil {
                try reached(file)
            }
            let resemblance = try Resemblance.of(open, beginning, size: size, to: file)
            // A heading makes no copy, but of what has the very name now.
            guard resemblance.isOfMuch(of: size, file) || resemblance == .whole && file.names.contains(path) else {
                continue
            }
            // Until that has been read, its content may be truncated, and stand in the copy only.
            if file.read.offset == 0 { unreadCopied.insert(file.serial) }
            return true
        }
        return false
    }

    /// `/var/log/a.log` for `/var/log/a.log.1`, `/var/log/a.log-20261120` and the same names where rotated files go;
    /// nil for a name that is no rotated one, or that of a compressed file.
    func nameBeforeRotation(of path: String) -> String? {
        let directory = SourcePath.directory(of: path)
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
}
