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
        if unreadCopied.isEmpty { seen.seenUntil = max(seen.seenUntil, time) }
    }

    /// A file may have grown, or may have been truncated.
    func hasChanged(_ file: Tracked) {
        if file.tail.isHeld { return judgeAgain(file) }
        // While nothing is read, the lag is still told.
        if window.isFull, let size = try? file.file?.identity().size { file.size = max(file.size, size) }
        apply(.mayHaveGrown, to: file)
    }

    /// Looks through all directories anew: of what happened there, nothing is known.
    func lookAtEverything() {
        let time = timeBeforeLooking
        directories = watch.walk(wanted + rotatedPatterns())
        var present: Set<String> = []
        for directory in directories.sorted() {
            for path in list(directory) {
                present.insert(path)
                look(at: path)
            }
        }
        for path in byName.keys.sorted() where !present.contains(path) { look(at: path) }
        settleNames()
        for file in filesInOrder { hasChanged(file) }
        // What this look missed, since it was renamed under it, the next one finds: it was born after the look before.
        let unseen = present.sorted().lazy.filter { !self.isWanted($0) }.compactMap { self.candidate($0) }
        if trackUnseen(Array(unseen), bornAfter: seen.seenUntil), !watch.polled.isEmpty { allIsSeen(until: lastLook) }
        lastLook = time
        settleNames()
        watch.endUnused()
        board.setDirectories(watched: watch.watched, polled: watch.polled.sorted())
        nextPoll = watch.polled.isEmpty ? nil : now + milliseconds(limits.pollMilliseconds)
    }
}
