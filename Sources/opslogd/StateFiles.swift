import DaemonConfiguration
import DeadLetters
import Glibc
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
            return try DirectoryStorage(path: path)
        } catch let error as SystemError where error.code == ENOENT {
            throw CommandFailure(.noInput, "\(path) does not exist; name the daemon's configuration with --config")
        } catch let error as SystemError {
            throw CommandFailure(describing: error)
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

    /// - Throws: status 66 where the daemon has never run.
    func spool() throws -> SpoolInspector<DirectoryStorage> {
        do {
            guard try directory.names().contains("spool") else {
                throw CommandFailure(.noInput, "\(path)/spool does not exist: the daemon has not run here yet")
            }
            return try SpoolInspector(directory.directory("spool"))
        } catch {
            throw CommandFailure(describing: error)
        }
    }
}
