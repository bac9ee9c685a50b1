import Glibc
import LinuxSystem
import Testing

@testable import Intake

@Suite struct SocketDoorTests {
    private func door(maxConnections: Int = 2) throws -> (SocketDoor, String) {
        let directory = try makeDirectory()
        let listener = try InputSocket.binding(path: directory + "/s.sock", mode: 0o600, group: nil)
        return (SocketDoor(listener, maxConnections: maxConnections), directory)
    }

    @Test func `it is waited for below the limit only`() throws {
        var (door, directory) = try door()
        defer { removeDirectory(directory) }
        var changes: [SocketDoor.Change] = []
        for open in [0, 1, 2, 2, 1] { changes.append(door.next(now: 0, open: open)) }
        #expect(changes == [.wait, .nothing, .ignore, .nothing, .wait])
    }

    @Test func `without descriptors it rests for a second and says so once`() throws {
        var (door, directory) = try door()
        defer { removeDirectory(directory) }
        var told: [Bool] = [door.failed(now: 5)]
        #expect(door.closedUntil == 1_000_000_005)
        #expect(!door.isOpen(connections: 0))
        var changes = [door.next(now: 6, open: 1), door.next(now: 1_000_000_005, open: 1)]
        #expect(changes == [.nothing, .wait])
        told.append(door.failed(now: 1_000_000_006))
        door.accepted()
        told.append(door.failed(now: 1_000_000_007))
        #expect(told == [true, false, true])
        changes = [door.next(now: 1_000_000_008, open: 1)]
        #expect(changes == [.ignore])
    }

    @Test func `a connection that closes opens it again at once`() throws {
        var (door, directory) = try door()
        defer { removeDirectory(directory) }
        _ = door.failed(now: 5)
        door.connectionClosed()
        #expect(door.isOpen(connections: 1))
    }

    @Test func `closed it hands the backlog over and takes its file away`() throws {
        var (door, directory) = try door(maxConnections: 1)
        defer { removeDirectory(directory) }
        let clients = try (0..<3).map { _ in try TestClient(directory + "/s.sock") }
        let backlog = door.close()
        #expect(backlog.count == clients.count)
        #expect(access(directory + "/s.sock", F_OK) != 0)
        #expect(!door.isOpen(connections: 0))
    }
}
