import Glibc
import Instruments
import LinuxSystem

/// Which of the followed files are open.
///
/// Of the files that have been read to their end, those that were written to last are kept open, and the others are
/// followed by their names: each is opened again by what tells that it was written to. What an open descriptor is good
/// for is a file that is deleted, or moved out of sight, behind its last read. So one of which there is something to read
/// is closed only where descriptors run short, and one without a name never is.
extension FileTailer {
    func hold(_ file: Tracked, _ open: FileSystem.File) {
        file.file = open
        self.open[file.serial] = file
        openAtEnd[file.serial] = mayBeClosed(file) ? file : nil
        if file.hasOtherLinks { watchItself(file) }
        keepFewOpen(but: file)
    }

    /// To be followed by its name.
    func close(_ file: Tracked) {
        // One that has no name any more cannot be opened again.
        guard let path = file.file?.kernelPath else { return }
        file.closedPath = path
        letGo(file)
    }

    func letGo(_ file: Tracked) {
        file.file = nil
        open[file.serial] = nil
        openAtEnd[file.serial] = nil
    }

    /// Whether all that stands in an open file has been read, and it can be opened again.
    func mayBeClosed(_ file: Tracked) -> Bool {
        file.file != nil && file.tail.isAtEnd && canBeOpenedAgain(file)
    }

    private func canBeOpenedAgain(_ file: Tracked) -> Bool {
        file.standing != .gone && file.retryAt == nil && !unreadCopied.contains(file.serial)
    }

    /// Closes those that were written to the longest ago.
    ///
    /// - Parameter kept: one that is about to be read or compared.
    func keepFewOpen(but kept: Tracked? = nil) {
        let mostAtEnd = min(options.maxOpenFiles, limits.maxOpen)
        if openAtEnd.count > mostAtEnd {
            // Some more at once, or they would be sorted for each file that is read.
            closeSome(of: openAtEnd, leaving: mostAtEnd - mostAtEnd / 8, but: kept)
        }
        if open.count <= limits.maxOpen { openBeforeClosing = 0 }
        guard open.count > max(limits.maxOpen, openBeforeClosing) else { return }
        let most = limits.maxOpen - limits.maxOpen / 8
        closeSome(of: openAtEnd, leaving: max(0, most - (open.count - openAtEnd.count)), but: kept)
        closeSome(of: open.filter { canBeOpenedAgain($0.value) }, leaving: most, but: kept)
        openBeforeClosing = open.count + 16
    }

    private func closeSome(of open: [UInt64: Tracked], leaving most: Int, but kept: Tracked?) {
        guard open.count > most else { return }
        let quietest = open.values.sorted {
            ($0.tail.isReady ? 1 : 0, $0.lastWritten, $0.serial) < ($1.tail.isReady ? 1 : 0, $1.lastWritten, $1.serial)
        }
        for file in quietest.prefix(open.count - most) where file !== kept {
            // What has come since the last read is read first.
            if file.tail.isAtEnd, let size = presentSize(of: file), size != file.size { continue }
            close(file)
        }
    }

    /// Whether nothing was written to a closed file since it was read to its end.
    func isUnchanged(_ file: Tracked, _ identity: FileIdentity) -> Bool {
        file.file == nil && file.tail.isAtEnd && file.stamp == FileStamp(identity)
    }

    /// Nil if it cannot be told.
    func presentSize(of file: Tracked) -> UInt64? {
        if let open = file.file { return try? open.identity().size }
        guard let identity = try? fileSystem.identity(of: file.presentPath), FileKey(identity) == file.key else {
            return nil
        }
        return identity.size
    }

    // MARK: Opening again

    /// The open file; opened again by its name if it was followed by its name only. Nil if the name leads to another.
    func opened(_ file: Tracked) throws(SystemError) -> FileSystem.File? {
        if let open = file.file { return open }
        if let open = try openAgain(file, [file.presentPath, file.closedPath]) {
            hold(file, open)
            return open
        }
        look(at: file.presentPath)
        settleNames()
        if file.file == nil { file.retryAt = now + milliseconds(limits.retryMilliseconds) }
        return file.file
    }

    /// The same for a comparison, to which a file that cannot be found now is no answer.
    @discardableResult
    func reached(_ file: Tracked) throws(SystemError) -> FileSystem.File {
        if let open = try opened(file) { return open }
        throw SystemError(call: "open", subject: file.presentPath, code: ESTALE)
    }

    /// Whether a file that has lost its names is open: a symbolic link may have led to it, and lead elsewhere now.
    func isOpenUnderFormerName(_ file: Tracked) -> Bool {
        if file.file != nil { return true }
        guard file.closedPath != nil, let open = (try? openAgain(file, [file.closedPath])) ?? nil else { return false }
        hold(file, open)
        return true
    }

    private func openAgain(_ file: Tracked, _ paths: [String?]) throws(SystemError) -> FileSystem.File? {
        var trouble: SystemError?
        for path in paths.compactMap(\.self) {
            do {
                let open = try fileSystem.open(path)
                if FileKey(try open.identity()) == file.key { return open }
            } catch {
                if !error.isAbsence { trouble = trouble ?? error }
            }
        }
        if let trouble { throw trouble }
        return nil
    }
}
