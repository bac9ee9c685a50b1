import LinuxSystem

/// What the file system of a state directory allows to promise.
public enum SpoolPlace {
    /// - Parameter path: of the state directory.
    /// - Returns: what cannot be promised there, and what to do, in a sentence; nil if there is nothing to say.
    /// - Throws: `.place` where nothing could be promised.
    public static func warning(stateDirectory path: String) throws(SpoolError) -> String? {
        try warning(of: try spooling { () throws(SystemError) in try FileSystemKind.of(path) }, path)
    }

    static func warning(of kind: FileSystemKind, _ path: String) throws(SpoolError) -> String? {
        switch kind {
        case .local: return nil
        case .network(let name):
            throw SpoolError(
                .place,
                "the state directory \(path) is on a network file system (\(name)): another machine could open the spool "
                    + "too, and a lost server takes back what was synced; name a directory on a disk of this machine as "
                    + "state_directory")
        case .overlay(isVolatile: true):
            throw SpoolError(
                .place,
                "the state directory \(path) is on an overlay file system that is mounted volatile, and so never syncs: "
                    + "what is acknowledged would be lost in a crash; mount a volume there, or name another "
                    + "state_directory")
        case .overlay(isVolatile: false):
            return
                "the state directory \(path) is on an overlay file system: it goes when its container is removed, and may "
                + "be taken for a copy when it is mounted anew; mount a volume there"
        case .memory:
            return
                "the state directory \(path) is in memory: what is acknowledged and not delivered is lost when the machine "
                + "restarts; name a directory on a disk as state_directory"
        case .userSpace:
            return
                "the state directory \(path) is on a file system in user space (FUSE, virtiofs): whether what is synced is "
                + "on a disk is up to the program behind it; better name a directory on a disk of this machine"
        }
    }
}
