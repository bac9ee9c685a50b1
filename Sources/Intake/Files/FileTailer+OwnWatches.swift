import LinuxSystem

/// Files that are watched themselves, since watches of directories do not tell of every write to them.
///
/// What tells of a write names the file as its writer opened it. Of one without a watched name nothing tells; nor of one with
/// several links, where the writer's is elsewhere, or was removed.
extension FileTailer {
    /// Begins or ends that as the file is now. If it cannot be watched, it is read again soon all the same.
    func watchItself(_ file: Tracked) {
        guard file.standing == .gone || file.hasOtherLinks else {
            if let ended = file.watch { watch.end(ended) }
            file.watch = nil
            return
        }
        // A closed one is watched on, or from when it is opened.
        guard file.watch == nil, let open = file.file else { return }
        file.watch = watch.watch(open, serial: file.serial)
        if file.watch == nil { file.nextLook = now + milliseconds(limits.pollMilliseconds) }
    }
}
