import LinuxSystem

/// Holds a spool directory for this process: take it before `SpoolWriter.open`, keep it until the writer has ended.
///
/// Simulated storage has none: nobody else can be there. Related system calls: `flock`.
public final class SpoolLock: Sendable {
    private let held: Descriptor

    /// - Parameter directory: `state_directory/spool`.
    /// - Throws: `.inUse` if another process holds it, naming that process.
    public init(_ directory: DirectoryStorage) throws(SpoolError) {
        guard let held = try spooling({ () throws(SystemError) in try directory.lock("lock") }) else {
            throw .inUse(holder: directory.lockHolder("lock"), path: directory.path)
        }
        self.held = held
    }
}
