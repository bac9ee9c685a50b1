import DaemonConfiguration
import LinuxSystem
import OperationLogs

/// Users and groups that socket inputs name must exist on this machine: without them the daemon does not start.
enum AccountCheck {
    /// One sentence for each name that there is not, or that cannot be looked up.
    static func problems(_ inputs: [InputSettings]) -> [String] { inputs.flatMap(problems) }

    private static func problems(_ input: InputSettings) -> [String] {
        let (group, allow) =
            switch input {
            case .socket(let settings): (settings.group, settings.allow)
            case .datagram(let settings): (settings.group, settings.allow)
            case .file, .journal: (nil, nil)
            }
        var problems: [String] = []
        if let group { problems += problem(input, "group", .group(group)) }
        for entry in allow ?? [] { problems += problem(input, "allow", entry.subject) }
        return problems
    }

    private static func problem(_ input: InputSettings, _ key: String, _ subject: PeerRule.Subject) -> [String] {
        do {
            switch subject {
            case .user(let name) where try Account.userID(name) == nil:
                return ["input \(input.name): there is no user \(name); create it, or name another one in \(key)"]
            case .group(let name) where try Account.groupID(name) == nil:
                return ["input \(input.name): there is no group \(name); create it, or name another one in \(key)"]
            default: return []
            }
        } catch {
            return ["input \(input.name): \(error)"]
        }
    }
}
