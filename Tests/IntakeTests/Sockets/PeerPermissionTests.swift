import Glibc
import LinuxSystem
import OperationLogs
import Testing

@testable import Intake

@Suite struct PeerPermissionTests {
    private static let peer = UnixSocket.Peer(pid: 1, uid: 1000, gid: 2000)

    private func permitted(
        _ rules: [PeerRule]?, to peer: UnixSocket.Peer? = peer, groups: [UInt32] = []
    ) throws -> EventKindSet {
        try PeerPermissions(rules, path: "/x").permitted(to: peer) { groups }
    }

    @Test func `without entries everybody may send everything`() throws {
        #expect(try permitted(nil) == .all)
        #expect(try permitted(nil, to: nil) == .all)
    }

    @Test func `a peer is matched by its user, its group or any of its groups`() throws {
        let cast: EventKindSet = [.castErrors]
        #expect(try permitted([PeerRule(.user("1000"), events: cast)]) == cast)
        #expect(try permitted([PeerRule(.group("2000"), events: cast)]) == cast)
        #expect(try permitted([PeerRule(.group("3000"), events: cast)], groups: [7, 3000]) == cast)
    }

    @Test func `a peer that matches no entry may send nothing`() throws {
        let others = [PeerRule(.user("2000")), PeerRule(.group("1000")), PeerRule(.group("3000"))]
        #expect(try permitted(others, groups: [7, 8]).isEmpty)
        #expect(try permitted([PeerRule(.user("0")), PeerRule(.user("1000"))], to: nil).isEmpty)
        #expect(try permitted([]).isEmpty)
        let root = UnixSocket.Peer(pid: 1, uid: 0, gid: 0)
        #expect(try permitted([PeerRule(.user("1000"))], to: root).isEmpty)
    }

    @Test func `a peer that matches several entries may send what any of them allows`() throws {
        let rules = [
            PeerRule(.user("1000"), events: [.castErrors]), PeerRule(.user("1001"), events: [.backupLogs]),
            PeerRule(.group("2000"), events: [.upsertFailures]), PeerRule(.group("3000"), events: [.dedupConflicts]),
            PeerRule(.user("1000"), events: [.pipelineWatermarks]),
        ]
        let all: EventKindSet = [.castErrors, .upsertFailures, .dedupConflicts, .pipelineWatermarks]
        #expect(try permitted(rules, groups: [3000]) == all)
    }

    @Test func `groups that cannot be had match nothing, and are asked for only where an entry names one`() throws {
        let rules = [PeerRule(.user("1000"), events: [.castErrors])]
        _ = try PeerPermissions(rules, path: "/x").permitted(to: Self.peer) {
            Issue.record("asked for")
            return []
        }
        let more = try PeerPermissions(rules + [PeerRule(.group("3000"))], path: "/x")
        let found = more.permitted(to: Self.peer) { throw SystemError(call: "getsockopt", subject: "/x", code: EINVAL) }
        #expect(found == [.castErrors])
    }

    @Test func `a name that there is not is named`() {
        let user = #expect(throws: SocketOpenError.self) {
            try PeerPermissions([PeerRule(.user("root")), PeerRule(.user("no-such-user"))], path: "/x")
        }
        #expect(user?.reason == .unknownUser("no-such-user"))
        #expect(user?.description.contains("no-such-user") == true)
        let group = #expect(throws: SocketOpenError.self) {
            try PeerPermissions([PeerRule(.group("no-such-group"))], path: "/x")
        }
        #expect(group?.reason == .unknownGroup("no-such-group"))
    }

    @Test func `what a peer may not send is answered and becomes a dead letter with the peer`() throws {
        let rig = try SocketRig { $0.allow = [PeerRule(.user("\(geteuid())"), events: [.castErrors])] }
        let client = try rig.connect()
        let backup = #"{"event":"backup_logs","backup_type":"full","status":"ok"}"#
        client.send(ackRequest + castError() + backup + "\n" + castError() + "nonsense\n")
        client.endWriting()
        let answers = client.rest().split(separator: "\n")
        #expect(answers.count == 3)
        #expect(answers[0].hasPrefix(#"{"rejected":{"line":2,"reason":"not_permitted""#))
        #expect(answers[1].hasPrefix(#"{"rejected":{"line":4,"reason":"invalid_json""#))
        #expect(answers[2] == #"{"durable":4}"#)
        try rig.stop()
        let letter = try rig.spool.records()[1]
        #expect(letter.reason == .notPermitted && letter.rejectedLine == backup)
        #expect(letter.originator.uid == geteuid() && letter.originator.pid == UInt32(getpid()))
    }

    @Test func `a peer without an entry is served, and each of its events rejected`() throws {
        let rig = try SocketRig { $0.allow = [PeerRule(.user("\(geteuid() + 1)"))] }
        let client = try rig.connect()
        client.send(castError() + "\n" + castError())
        client.endWriting()
        #expect(client.rest() == "")
        try rig.stop()
        #expect(try rig.spool.records().map(\.reason) == [.notPermitted, .notPermitted])
    }

    @Test func `an input whose entries name nobody does not open, and leaves no socket`() throws {
        let directory = try makeDirectory()
        defer { removeDirectory(directory) }
        let path = directory + "/s.sock"
        #expect(throws: SocketOpenError.self) {
            try testInput(path, AcknowledgingSpool()) { $0.allow = [PeerRule(.user("no-such-user"))] }.open()
        }
        #expect(throws: SocketOpenError.self) {
            try testDatagramInput(path, AcknowledgingSpool()) { $0.allow = [PeerRule(.group("no-such-group"))] }.open()
        }
        #expect(access(path, F_OK) != 0)
    }

    @Test func `datagrams are matched by user and primary group, each by its own sender`() throws {
        for rule in [PeerRule(.user("\(geteuid())")), PeerRule(.group("\(getegid())"))] {
            let rig = try DatagramRig { $0.allow = [PeerRule(rule.subject, events: [.backupLogs])] }
            let sender = try DatagramSender(rig.path)
            try sender.sendWhenThereIsRoom(castError())
            try sender.sendWhenThereIsRoom(#"{"event":"backup_logs","backup_type":"full","status":"ok"}"#)
            try eventually("both are records") { rig.spool.recordCount == 2 }
            try rig.stop()
            #expect(try rig.spool.records().map(\.reason) == [.notPermitted, nil])
        }
    }
}
