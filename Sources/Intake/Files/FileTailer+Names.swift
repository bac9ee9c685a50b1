import Glibc
import Instruments
import LinuxSystem
import OperationLogs

/// Which names lead to which files, and what follows when that changes.
extension FileTailer {
    func isWanted(_ path: String) -> Bool {
        wanted.contains { $0.matches(path: path) } && !excluded.contains { $0.matches(pathOrNameOf: path) }
    }

    /// Where rotated files go: the patterns, and for one that names a directory, all that is in it.
    ///
    /// - Returns: with those that could not be looked at.
    func rotatedPatterns() -> (patterns: [PathPattern], unseen: [String: SystemError]) {
        var patterns = rotatedPlaces
        var unseen: [String: SystemError] = [:]
        for pattern in rotatedPlaces where !pattern.components.contains(where: PathPattern.isWild) {
            let path = "/" + pattern.components.joined(separator: "/")
            do {
                if try fileSystem.identity(of: path).isDirectory { patterns.append(PathPattern(path + "/*")) }
            } catch {
                if !error.isAbsence { unseen[path] = error }
            }
        }
        return (patterns, unseen)
    }

    /// The paths in a directory; nil if it cannot be listed now.
    func list(_ directory: String) -> [String]? {
        var survey = Survey()
        return list(directory, &survey)
    }

    func list(_ directory: String, _ survey: inout Survey) -> [String]? {
        do {
            let listed = try fileSystem.names(in: directory)
            if listed.unreadable > 0 {
                fail(
                    directory,
                    "\(directory): \(listed.unreadable) names are not UTF-8; rename those files to have them read")
            } else {
                succeed(directory)
            }
            return listed.names.map { directory == "/" ? "/\($0)" : "\(directory)/\($0)" }
        } catch {
            if error.isAbsence { return [] }
            fail(directory, "\(error)")
            hold(directory, error)
            survey.note(error)
            return nil
        }
    }

    /// Says once what is wrong with a name, and keeps it for the status.
    func fail(_ path: String, _ message: String) {
        if board.setFailure(path, message) { diagnostics.warning("input \(options.name): \(message)") }
    }

    private func succeed(_ path: String) { _ = board.setFailure(path, nil) }

    // MARK: One name

    /// Finds out what a name leads to now.
    func look(at path: String) {
        unopened[path] = nil
        let isWanted = isWanted(path)
        if isWanted { watch.followLinks(of: path) }
        let identity: FileIdentity
        do {
            identity = try fileSystem.identity(of: path, followingLinks: isWanted)
        } catch {
            guard error.isAbsence else { return tryLater(path, error) }
            succeed(path)
            return loseName(path)
        }
        guard identity.isRegularFile else { return loseName(path) }
        if let known = byKey[FileKey(identity)] {
            if identity.links > 1 { known.hasOtherLinks = true }
            if byName[path] !== known {
                giveName(path, to: known)
                // What could not be opened under its last name can be under this one.
                if known.trouble == nil { known.retryAt = nil }
            }
            return isLookingAtEverything && isUnchanged(known, identity) ? () : hasChanged(known)
        }
        let former = byName[path]
        loseName(path)
        if isWanted {
            track(path, after: former)
        } else if let arrival = arrivals[path] {
            track(path, recordedAs: arrival)
        } else {
            newcomers[path] = identity
        }
    }

    func giveName(_ path: String, to file: Tracked) {
        loseName(path)
        byName[path] = file
        file.names.insert(path)
        renamed[file.serial] = file
    }

    private func loseName(_ path: String) {
        guard let file = byName.removeValue(forKey: path) else { return }
        file.names.remove(path)
        renamed[file.serial] = file
    }

    /// Of a name it is not known what it leads to, or what is to be done with that.
    func tryLater(_ path: String, _ error: SystemError) {
        fail(path, "\(error)")
        hold(SourcePath.directory(of: path), error)
        unopened[path] = (now + milliseconds(limits.retryMilliseconds), error)
    }

    /// Begins to follow a file that is not known.
    ///
    /// - Parameter known: what had the name a moment ago: if it cannot be looked at any more, that is followed.
    func track(
        _ path: String, recordedAs recordedPath: String? = nil, after former: Tracked? = nil,
        startingAtEnd: Bool = false, known: FileIdentity? = nil
    ) {
        let isAtEnd = startingAtEnd || self.startingAtEnd.contains(path)
        let open: FileSystem.File
        let identity: FileIdentity
        do {
            open = try fileSystem.open(path)
            identity = try open.identity()
        } catch {
            // One that is gone again is no failure.
            if error.isAbsence { return }
            guard isAtEnd else {
                return trackUnopened(path, error, recordedAs: recordedPath, after: former, known: known)
            }
            self.startingAtEnd.insert(path)
            return tryLater(path, error)
        }
        guard identity.isRegularFile, byKey[FileKey(identity)] == nil else { return }
        do {
            if try resumeFormer(path, identity) { return }
            var mark = ContentMark()
            var head: [UInt8] = []
            if isAtEnd {
                mark = try .ofLastLine(open, size: identity.size)
                head = try open.bytes(Int(min(mark.offset, UInt64(FilePosition.fingerprintBytes))), at: 0)
            }
            self.startingAtEnd.remove(path)
            follow(path, open, identity, mark: mark, head: head, recordedAs: recordedPath, after: former)
        } catch {
            if isAtEnd { self.startingAtEnd.insert(path) }
            tryLater(path, error)
        }
    }

    /// Follows a file that cannot be opened: so it has a position, and is read, or found to be a copy, once it can.
    func trackUnopened(
        _ path: String, _ error: SystemError, recordedAs recordedPath: String? = nil, after former: Tracked? = nil,
        known: FileIdentity? = nil
    ) {
        do {
            let identity = try identity(of: path, orElse: known)
            guard identity.isRegularFile, byKey[FileKey(identity)] == nil else { return }
            // One that was read before has a position already: what stands before that has to be compared first.
            guard !formerContents.contains(where: { $0.key != nil && isSame(identity, $0.position) }) else {
                arrivals[path] = recordedPath
                return tryLater(path, error)
            }
            if let file = follow(path, nil, identity, recordedAs: recordedPath, after: former) {
                putOff(file, error)
                refresh(file)
            }
        } catch {
            if !error.isAbsence { tryLater(path, error) }
        }
    }

    private func identity(of path: String, orElse known: FileIdentity?) throws(SystemError) -> FileIdentity {
        do {
            return try fileSystem.identity(of: path, followingLinks: isWanted(path))
        } catch {
            guard let known, !error.isAbsence else { throw error }
            return known
        }
    }

    @discardableResult
    private func follow(
        _ path: String, _ open: FileSystem.File?, _ identity: FileIdentity, mark: ContentMark = ContentMark(),
        head: [UInt8] = [], recordedAs recordedPath: String?, after former: Tracked?
    ) -> Tracked? {
        guard let file = add(path, open, identity, mark: mark, head: head, recordedAs: recordedPath) else { return nil }
        file.predecessor = former
        renamed[file.serial] = file
        if open != nil { succeed(path) }
        passOver(file)
        touch(file)
        refresh(file)
        return file
    }

    /// Registers a file, unless another input has it.
    func add(
        _ path: String, _ open: FileSystem.File?, _ identity: FileIdentity, mark: ContentMark, head: [UInt8],
        recordedAs recordedPath: String? = nil
    ) -> Tracked? {
        let key = FileKey(identity)
        if let owner = claims.claim(key, for: options.name) {
            fail(path, "\(path) is followed by the input \(owner) already; let the patterns of only one input match it")
            return nil
        }
        let file = Tracked(
            serial: nextSerial, identity: identity, path: recordedPath ?? path,
            tail: TailStateMachine(standing: .named, now: now, timings: limits.tail),
            positionKey: FilePositionKey.new(input: options.name, id: randomID()), mark: mark, head: head,
            encoder: makeEncoder())
        nextSerial += 1
        // What has stood in it since it was made, or since files were looked for the last time, can have been copied.
        file.contentSince = min(
            timeBeforeLooking, max(identity.birthNanoseconds - 1, seen.seenUntil(in: SourcePath.directory(of: path))))
        if mark.offset > 0 { file.firstRead = .min }
        file.names = [path]
        files[file.serial] = file
        filesInOrder.append(file)
        byKey[key] = file
        byName[path] = file
        beginnings.note(file)
        if let open { hold(file, open) }
        return file
    }

    func makeEncoder() -> LineEncoder {
        LineEncoder(
            LineEncoder.Options(
                maxLineBytes: options.maxLineBytes, maxFutureMicroseconds: options.maxFutureMicroseconds,
                counting: .bytes, takesControlLines: false, reportsRejections: false, dialect: options.dialect),
            watermarkClock: watermarkClock)
    }

    // MARK: What follows

    /// Tells the files whose names have changed what that makes of them.
    func settleNames() {
        // What is compared meanwhile may have to be opened again, and found under another name: that waits for the next time.
        guard !isSettlingNames else { return }
        isSettlingNames = true
        defer { isSettlingNames = false }
        // Of whom one is the copy is known when all names lead where they do now.
        let copies = newcomers.sorted { $0.key < $1.key }
        newcomers = [:]
        for (path, identity) in copies where byKey[FileKey(identity)] == nil { noteCopy(at: path, identity) }
        let changed = renamed.values.sorted { $0.serial < $1.serial }
        renamed = [:]
        for file in changed where files[file.serial] != nil {
            let standing = file.standing
            if standing == .gone, !isOpenUnderFormerName(file) {
                nameless[file.serial] = nameless[file.serial] ?? looksBegun
                continue
            }
            nameless[file.serial] = nil
            watchItself(file)
            guard standing != .gone || !mayBeNamed(file) else {
                renamed[file.serial] = file
                continue
            }
            // Its former name's next file may be under way: this one is at its end only when a read has said so.
            apply(.standing(standing), to: file)
            touch(file)
        }
    }

    /// Whether a file that has lost its last known name may have one that cannot be looked at now: as for copies, where this
    /// user has no right, only in its own directory.
    private func mayBeNamed(_ file: Tracked) -> Bool {
        let own = SourcePath.directory(of: file.path)
        func bears(_ directory: String, _ trouble: SystemError) -> Bool {
            directory == own || !trouble.isDenial && isRotatedPlace(directory)
        }
        return troubled.contains { bears($0.key, $0.value) }
            || unopened.contains { bears(SourcePath.directory(of: $0.key), $0.value.trouble) }
    }

    /// Closed files without a name are gone, unless they may have one all the same: where directories are not watched,
    /// one that they got while these were looked through, which the next look finds.
    func loseNameless() {
        for (serial, look) in nameless.sorted(by: { $0.key < $1.key }) where watch.polled.isEmpty || look < looksBegun {
            guard let file = files[serial], !mayBeNamed(file) else { continue }
            nameless[serial] = nil
            if file.standing == .gone, file.file == nil { loseUnreadable(file) }
        }
    }

    private func loseUnreadable(_ file: Tracked) {
        if file.read.offset == 0, file.size > 0 {
            guard recoverUnread(file, UnsafeRawBufferPointer(start: nil, count: 0), "deleted") else {
                nameless[file.serial] = looksBegun
                return
            }
        } else if file.resume.offset > 0 {
            loseClosed(file)
        } else if file.size > 0 {
            // The beginning of an overlong line, and nothing by which a copy would be known.
            reportLoss(file.path, 0, file.size, "it was deleted while it was not open")
        }
        forget(file)
    }

    /// Lets a file go, and its position with it.
    func forget(_ file: Tracked) {
        forgetPosition(of: file)
        if let ended = file.watch { watch.end(ended) }
        for name in file.names where byName[name] === file { byName[name] = nil }
        files[file.serial] = nil
        filesInOrder.removeAll { $0 === file }
        byKey[file.key] = nil
        beginnings.remove(file)
        timed[file.serial] = nil
        unreadCopied.remove(file.serial)
        nameless[file.serial] = nil
        claims.release(file.key, of: options.name)
        board.addLag(-file.lag)
        board.set(file.serial, nil)
        letGo(file)
    }
}
