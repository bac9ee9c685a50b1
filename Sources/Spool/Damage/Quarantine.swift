import LinuxSystem

/// The directory of the copies of damaged places.
enum Quarantine {
    static let name = "quarantine"

    /// The copies; none where the directory was never made.
    static func names<Disk: Storage>(_ disk: Disk) throws(SpoolError) -> [String] {
        try spooling { () throws(SystemError) in
            guard try disk.names().contains(name) else { return [] }
            return try disk.directory(name).names().filter { LostRange.named($0) != nil }
        }
    }
}
