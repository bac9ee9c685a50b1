import Glibc

/// The unit that this process runs in.
///
/// Worked out as systemd does, but from this process's own control group alone: `sd_pid_get_unit` also asks for that of
/// process 1, which `ProtectProc=invisible` hides.
public enum OwnUnit {
    /// Its name, where it is a service; nil of a process in a login session, with which others share their unit.
    public static var service: String? {
        guard let file = fopen("/proc/self/cgroup", "re") else { return nil }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 8192)
        while fgets(&line, Int32(line.count), file) != nil {
            let text = String(
                decoding: line.prefix { $0 != 0 && $0 != 0x0a }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if let unit = service(inGroup: text) { return unit }
        }
        return nil
    }

    /// - Parameter line: of /proc/self/cgroup, see cgroups(7).
    static func service(inGroup line: String) -> String? {
        let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        // Of the unified hierarchy, or of systemd's own beside older ones.
        guard parts.count == 3, parts[0] == "0" && parts[1].isEmpty || parts[1] == "name=systemd" else { return nil }
        // Slices lie around a unit; what lies below it is its own.
        guard let unit = parts[2].split(separator: "/").first(where: { !$0.hasSuffix(".slice") }),
            unit.hasSuffix(".service")
        else { return nil }
        // Names that the kernel uses itself are led by a line.
        return String(unit.hasPrefix("_") ? unit.dropFirst() : unit)
    }
}
