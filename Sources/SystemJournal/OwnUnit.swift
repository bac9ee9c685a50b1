import CLibsystemd
import Glibc

/// The unit that this process runs in.
public enum OwnUnit {
    /// Its name, where it is a service; nil of a process in a login session, with which others share their unit.
    ///
    /// Related functions: `sd_pid_get_unit`.
    public static var service: String? {
        var text: UnsafeMutablePointer<CChar>?
        guard sd_pid_get_unit(0, &text) >= 0, let text else { return nil }
        defer { free(text) }
        let name = String(cString: text)
        return name.hasSuffix(".service") ? name : nil
    }
}
