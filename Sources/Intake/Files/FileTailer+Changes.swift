import Instruments
import LinuxSystem
import OperationLogs

/// What has happened in the directories, and what it says of the files there.
///
/// A name may lead to another file by the time it is looked at than when the event came: it was renamed meanwhile, and
/// the next events say so. Only when events were taken in which no name changed have all looks found what they were for;
/// until then ``FileInputMark/seenUntil`` stays where it is.
extension FileTailer {
    /// Takes what has happened since the last call.
    func takeChanges() {
        let time = timeBeforeLooking
        for _ in 0..<20 {
            let changes = watch.changes(now: now)
            take(changes.list)
            guard changes.areAll, !changes.areOfNames else { continue }
            loseNameless()
            arrivals = arrivals.filter { unopened[$0.key] != nil }
            if watch.awaitsRenamingUntil == nil, watch.polled.isEmpty { allIsSeen(until: time) }
            return
        }
    }

    private func take(_ changes: [DirectoryWatch<FileSystem>.Change]) {
        var arrived: Set<String> = []
        for change in changes {
            switch change {
            case .everything: lookAtEverything()
            case .look(let path): look(at: path)
            case .moved(let old, let new):
                arrived.insert(new)
                arrivals[new] = arrivals.removeValue(forKey: old) ?? (isWanted(old) ? old : nil)
            case .modified(let path):
                if let file = byName[path] {
                    hasChanged(file)
                } else if unopened[path] == nil, isWanted(path) {
                    look(at: path)
                }
            case .file(let serial):
                if let file = files[serial] {
                    hasChanged(file)
                    for name in file.names.sorted() { look(at: name) }
                }
            }
        }
        for path in arrived.sorted() where byName[path] == nil {
            if let arrival = arrivals[path] { track(path, recordedAs: arrival) }
        }
        settleNames()
    }

    /// - Parameter time: each file that was born before was found, or was there when the input was first started.
    func allIsSeen(until time: Int64) {
        // After a restart, copies that were not compared yet are looked at as those that came meanwhile.
        guard unreadCopied.isEmpty else { return }
        seen.advance(to: time)
        seen.releaseAll(but: Set(troubled.keys))
    }

    /// What is at or below a path, or some of it, could not be looked at: that is done again, and until then what came there
    /// is not seen.
    func hold(_ path: String, _ trouble: SystemError) {
        troubled[path] = trouble
        seen.hold(path)
        let time = now + milliseconds(limits.retryMilliseconds)
        nextPoll = min(nextPoll ?? time, time)
    }

    /// Finds the directories of the patterns, and watches them.
    func walk() {
        troubled = [:]
        nextPoll = nil
        let (patterns, unseen) = rotatedPatterns()
        let walk = watch.walk(wanted + patterns)
        let troubles = walk.unseen.merging(unseen) { first, _ in first }
        walkTroubles = troubles
        for (path, error) in troubles.sorted(by: { $0.key < $1.key }) {
            fail(path, "\(error)")
            hold(path, error)
        }
        // What could not be looked at may be as it was before.
        directories = troubles.isEmpty ? walk.directories : walk.directories.union(directories)
    }

    /// Behind a walk and a look at what it found.
    func endWalk() {
        if walkTroubles.isEmpty { watch.endUnused() }
        board.setDirectories(watched: watch.watched, polled: watch.polled.sorted())
        guard !watch.polled.isEmpty else { return }
        let time = now + milliseconds(limits.pollMilliseconds)
        nextPoll = min(nextPoll ?? time, time)
    }

    /// A file may have grown, or may have been truncated.
    func hasChanged(_ file: Tracked) {
        if file.tail.isHeld { return judgeAgain(file) }
        // While nothing is read, the lag is still told.
        if window.isFull, let size = presentSize(of: file) { file.size = max(file.size, size) }
        apply(.mayHaveGrown, to: file)
    }

    /// Looks through all directories anew: of what happened there, nothing is known.
    func lookAtEverything() {
        isLookingAtEverything = true
        defer { isLookingAtEverything = false }
        let time = timeBeforeLooking
        looksBegun += 1
        walk()
        var present: Set<String> = []
        for directory in directories.sorted() {
            for path in list(directory) ?? [] {
                present.insert(path)
                look(at: path)
            }
        }
        for path in byName.keys.sorted() where !present.contains(path) { look(at: path) }
        settleNames()
        // Closed ones were looked at by their names.
        for file in filesInOrder where file.file != nil || !file.tail.isAtEnd { hasChanged(file) }
        // What this look missed, since it was renamed under it, the next one finds: it was born after the look before.
        var survey = Survey()
        let unseen = present.sorted().filter { !isWanted($0) }.compactMap { candidate($0, &survey) }
        if trackUnseen(unseen), !watch.polled.isEmpty { allIsSeen(until: lastLook) }
        lastLook = time
        settleNames()
        endWalk()
    }
}
