import Glibc

/// The entries of a directory that may be anybody's. Related system calls: `opendir`, `readdir`, `readlink`.
public enum DirectoryListing {
    /// The names in a directory, sorted, without `.` and `..`, and how many more there are that are not UTF-8.
    public static func names(of path: String) throws(SystemError) -> (names: [String], unreadable: Int) {
        guard let stream = opendir(path) else { throw .last("opendir", path) }
        defer { closedir(stream) }
        var names: [String] = []
        var unreadable = 0
        while let entry = try next(of: stream, path) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(validating: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let name else {
                unreadable += 1
                continue
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return (names.sorted(), unreadable)
    }

    /// The next entry; nil at the end. A failure looks like the end but for errno: taken for one, it would hide files.
    static func next(of stream: OpaquePointer, _ path: String) throws(SystemError) -> UnsafeMutablePointer<dirent>? {
        errno = 0
        if let entry = readdir(stream) { return entry }
        guard errno == 0 else { throw .last("readdir", path) }
        return nil
    }

    /// Where a symbolic link points, as it is written; nil if the path is not one.
    public static func linkTarget(of path: String) -> String? {
        var target = [UInt8](repeating: 0, count: 4096)
        let count = readlink(path, &target, target.count)
        return count > 0 ? String(validating: target.prefix(count), as: UTF8.self) : nil
    }
}

/// The kernel's name for the time since the machine was started: device numbers mean the same within one boot only.
public enum BootIdentity {
    /// 16 bytes, all zero where the kernel does not tell.
    public static func current() -> [UInt8] {
        guard let file = try? InputFile(path: "/proc/sys/kernel/random/boot_id"),
            let text = try? file.bytes(64, at: 0)
        else { return [UInt8](repeating: 0, count: 16) }
        let digits = text.compactMap { Character(Unicode.Scalar($0)).hexDigitValue }
        guard digits.count == 32 else { return [UInt8](repeating: 0, count: 16) }
        return (0..<16).map { UInt8(digits[2 * $0] << 4 | digits[2 * $0 + 1]) }
    }
}
