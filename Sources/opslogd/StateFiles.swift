import DaemonConfiguration
import DeadLetters
import Delivery
import Glibc
import Instruments
import Intake
import LinuxSystem
import OperationLogs
import Spool

/// The state directory as commands look at it: beside a running daemon or without one, and writing nothing.
struct StateFiles {
    let path: String
    private let directory: DirectoryStorage

    init(_ configuration: ConfigurationOption) throws {
        path = try configuration.loadOrDefaults().stateDirectory
        directory = try Self.open(path)
    }

    private static func open(_ path: String) throws -> DirectoryStorage {
        do {
            let identity = try FileIdentity.at(path)
            guard identity.isDirectory else { throw CommandFailure(.noInput, "\(path) is not a directory") }
            try becomeOwner(identity.owner, of: path)
            return try DirectoryStorage(path: path)
        } catch let error as SystemError where error.code == ENOENT {
            throw CommandFailure(.noInput, "\(path) does not exist; name the daemon's configuration with --config")
        } catch let error as SystemError {
            throw CommandFailure(describing: error)
        }
    }

    /// Root looks as the daemon's own user: the directory is refused to everybody else, and what is made on the way (an
    /// absent directory) must not be root's, or the daemon could not use it.
    private static func becomeOwner(_ owner: UInt32, of path: String) throws {
        guard geteuid() == 0, owner != 0 else { return }
        let group = getpwuid(owner)?.pointee.pw_gid ?? owner
        guard setgroups(0, nil) == 0, setgid(group) == 0, setuid(owner) == 0 else {
            throw CommandFailure(
                .noPermission, "\(path): root cannot look at it as its owner, user \(owner); run this as that user")
        }
    }

    /// Oldest first, those that are durable in the spool and not moved yet included, until `body` returns false.
    ///
    /// - Returns: places in the store that are damaged and were passed over.
    @discardableResult
    func forEachDeadLetter(_ filter: DeadLetterFilter, _ body: (DeadLetter) throws -> Bool) throws -> [String] {
        do {
            guard try directory.names().contains("spool") else {
                let list = try DeadLetterList(in: directory)
                try list.forEach(filter, body)
                return list.damage
            }
            let inspector = try spool()
            // Read before the list is made: what is moved meanwhile is then met in one of the two.
            let noted = try inspector.cursor()?.moved ?? .zero
            let list = try DeadLetterList(in: directory)
            try list.forEach(filter, unmoved: { try inspector.forEachGroup(from: $0, $1) }, noted: noted, body)
            return list.damage
        } catch {
            throw CommandFailure(describing: error)
        }
    }

    /// Holds the spool for a word of the operator.
    ///
    /// - Throws: status 66 where the daemon has never run; 75 while it does.
    func settle() throws -> (lock: SpoolLock, settlement: SpoolSettlement<DirectoryStorage>) {
        do {
            guard try directory.names().contains("spool") else { throw neverRun }
            let spool = try directory.directory("spool")
            let lock = try SpoolLock(spool)
            let host = try SpoolHost.current(stateDirectory: path)
            let now = Timestamp(unixMicroseconds: SystemTime().realtimeMicroseconds())
            guard let settlement = try SpoolSettlement(spool, host: host, now: now) else { throw neverRun }
            return (lock, settlement)
        } catch {
            throw CommandFailure(describing: error)
        }
    }

    /// Holds the spool for the operator's word on lines that are set aside.
    ///
    /// - Throws: status 66 where the daemon has never run; 75 while it does.
    func reread() throws -> (lock: SpoolLock, rereading: SpoolRereading<DirectoryStorage>) {
        do {
            guard try directory.names().contains("spool") else { throw neverRun }
            let spool = try directory.directory("spool")
            return (try SpoolLock(spool), try SpoolRereading(spool))
        } catch {
            throw CommandFailure(describing: error)
        }
    }

    /// Opens the spool as a run of the daemon does, for a word that becomes durable as a group of it.
    ///
    /// - Parameter name: the spool's birth name; the caller holds its lock.
    /// - Throws: where a start would end, its status.
    func writer(_ settings: DaemonSettings, of name: UniqueID) throws -> SpoolWriter<DirectoryStorage, SystemTime> {
        do {
            // With the keeper of watermarks, or a snapshot that is written now would say that nobody knows them.
            return try SpoolWriter.open(
                disk: directory.directory("spool"), time: SystemTime(), options: SpoolOptions(settings.spool),
                host: SpoolHost.current(stateDirectory: path), deadLetter: newestDeadLetter(of: name),
                diagnostics: Diagnostics { severity, message in
                    if severity >= .warning { StandardError.write("opslogd: \(message)\n") }
                }, registry: Registry(), watermarks: UndeliveredWatermarks(), sources: settings.positionReaders)
        } catch {
            throw CommandFailure(describing: error)
        }
    }

    /// The last record of the spool of which there is a dead letter.
    func newestDeadLetter(of spool: UniqueID) throws -> SequenceNumber {
        do {
            return try DeadLetterStore.newest(in: directory, spool: spool)
        } catch {
            throw CommandFailure(describing: error)
        }
    }

    /// Which records of the spool have, or had, a dead letter.
    ///
    /// - Parameter asked: whose ends are read too.
    func letterRegister(of spool: UniqueID, endsOf asked: Set<SequenceNumber> = []) throws -> LetterRegister {
        do {
            return try LetterRegister(in: directory, spool: spool, endsOf: asked)
        } catch {
            throw CommandFailure(describing: error)
        }
    }

    private var neverRun: CommandFailure {
        CommandFailure(.noInput, "\(path)/spool does not exist: the daemon has not run here yet")
    }

    /// - Throws: status 66 where the daemon has never run.
    func spool() throws -> SpoolInspector<DirectoryStorage> {
        do {
            guard try directory.names().contains("spool") else { throw neverRun }
            return try SpoolInspector(directory.directory("spool"))
        } catch {
            throw CommandFailure(describing: error)
        }
    }
}
