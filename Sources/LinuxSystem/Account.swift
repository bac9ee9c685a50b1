import Glibc

/// Users and groups by their names, as passwd(5), group(5) and whatever nsswitch.conf(5) names have them.
public enum Account {
    /// The id of a user; nil if there is none of that name. A name of digits that nobody has is the id itself: in a
    /// container a peer's id may have no name.
    public static func userID(_ name: String) throws(SystemError) -> UInt32? {
        var entry = passwd()
        let found = try lookUp("getpwnam", name) { space in
            var found: UnsafeMutablePointer<passwd>?
            let code = getpwnam_r(name, &entry, &space, space.count, &found)
            return (code, found?.pointee.pw_uid)
        }
        return found ?? number(name)
    }

    /// The id of a group; as with users.
    public static func groupID(_ name: String) throws(SystemError) -> UInt32? {
        var entry = group()
        let found = try lookUp("getgrnam", name) { space in
            var found: UnsafeMutablePointer<group>?
            let code = getgrnam_r(name, &entry, &space, space.count, &found)
            return (code, found?.pointee.gr_gid)
        }
        return found ?? number(name)
    }

    private static func lookUp(
        _ call: String, _ name: String,
        _ ask: (inout [CChar]) -> (code: Int32, id: UInt32?)
    ) throws(SystemError) -> UInt32? {
        // A group with very many members needs more room than any fixed size.
        for bytes in [64 << 10, 1 << 20, 16 << 20] {
            var space = [CChar](repeating: 0, count: bytes)
            let answer = ask(&space)
            switch answer.code {
            // POSIX leaves open how "there is none" is said: getpwnam(3) lists these.
            case 0, ENOENT, ESRCH, EBADF, EPERM: return answer.id
            case ERANGE: continue
            default: throw SystemError(call: call, subject: name, code: answer.code)
            }
        }
        throw SystemError(call: call, subject: name, code: ERANGE)
    }

    private static func number(_ name: String) -> UInt32? {
        guard !name.isEmpty, name.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let id = UInt32(name),
            id != .max
        else { return nil }
        return id
    }
}
