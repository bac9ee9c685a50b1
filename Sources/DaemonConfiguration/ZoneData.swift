import Glibc
import OperationLogs

/// The system's time zones, of the package tzdata.
enum ZoneData {
    static let directory = "/usr/share/zoneinfo"
    /// None is larger: 1 MiB.
    private static let mostBytes = 1 << 20

    /// - Returns: nil if the system does not know the zone.
    static func rules(of name: String) -> TimeZoneRules? {
        guard isName(name), let bytes = read("\(directory)/\(name)") else { return nil }
        return TimeZoneRules(name: name, file: bytes)
    }

    static var isThere: Bool { access("\(directory)/Etc/UTC", R_OK) == 0 || access("\(directory)/UTC", R_OK) == 0 }

    /// Such as `Europe/Berlin`, `Etc/GMT+5`: nothing that leads out of the directory.
    private static func isName(_ name: String) -> Bool {
        !name.isEmpty && !name.hasPrefix("/") && !name.hasSuffix("/")
            && name.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
                part.first?.isLetter == true
                    && part.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "+-_".contains($0)) }
            }
    }

    private static func read(_ path: String) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: mostBytes)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        return count > 0 ? Array(bytes[..<count]) : nil
    }
}
