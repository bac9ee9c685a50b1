import LinuxSystem
import OperationLogs

/// What the peers of a socket may send: the entries of `allow` with ids in place of names.
///
/// A peer that matches several entries may send what any of them allows; one that matches none, nothing. Nobody is
/// above them, root neither. Without entries everybody may send everything.
struct PeerPermissions: Sendable {
    private struct Rule {
        var id: UInt32
        var events: EventKindSet
    }

    private let isOpen: Bool
    private var users: [Rule] = []
    private var groups: [Rule] = []

    /// - Throws: `SocketOpenError` where a name is unknown, or cannot be looked up.
    init(_ rules: [PeerRule]?, path: String) throws(SocketOpenError) {
        isOpen = rules == nil
        for rule in rules ?? [] {
            switch rule.subject {
            case .user(let name):
                users.append(
                    Rule(
                        id: try Self.id(path, .unknownUser(name)) { () throws(SystemError) in
                            try Account.userID(name)
                        }, events: rule.events))
            case .group(let name):
                groups.append(
                    Rule(
                        id: try Self.id(path, .unknownGroup(name)) { () throws(SystemError) in
                            try Account.groupID(name)
                        }, events: rule.events))
            }
        }
    }

    private static func id(
        _ path: String, _ unknown: SocketOpenError.Reason, _ lookUp: () throws(SystemError) -> UInt32?
    ) throws(SocketOpenError) -> UInt32 {
        let found: UInt32?
        do { found = try lookUp() } catch { throw SocketOpenError(path, error) }
        guard let found else { throw SocketOpenError(path, unknown) }
        return found
    }

    /// - Parameters:
    ///   - peer: nil where the kernel does not name it: it matches no entry.
    ///   - supplementaryGroups: of the peer, asked for only if an entry names a group; those that cannot be had match
    ///     none.
    func permitted(
        to peer: UnixSocket.Peer?, supplementaryGroups: () throws -> [UInt32]
    ) -> EventKindSet {
        if isOpen { return .all }
        var permitted = EventKindSet()
        guard let peer else { return permitted }
        for rule in users where rule.id == peer.uid { permitted.formUnion(rule.events) }
        guard !groups.isEmpty else { return permitted }
        let others = (try? supplementaryGroups()) ?? []
        for rule in groups where rule.id == peer.gid || others.contains(rule.id) { permitted.formUnion(rule.events) }
        return permitted
    }
}
