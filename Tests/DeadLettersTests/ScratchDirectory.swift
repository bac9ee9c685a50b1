import Glibc
import LinuxSystem

/// A directory of its own for one test, gone with it.
final class ScratchDirectory {
    let path: String
    let storage: DirectoryStorage

    init() throws {
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(base)/opslogd-dead-letters-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError.last("mkdtemp", base) }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        storage = try DirectoryStorage(path: path)
    }

    deinit { Self.remove(path) }

    private static func remove(_ path: String) {
        if let stream = opendir(path) {
            defer { closedir(stream) }
            while let entry = readdir(stream) {
                let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                    String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
                }
                if name != ".", name != ".." { remove("\(path)/\(name)") }
            }
        }
        _ = Glibc.remove(path)
    }

    /// The store's own directory.
    var letters: DirectoryStorage { get throws { try storage.directory("dead-letters") } }

    func bytes(of name: String) throws -> [UInt8] {
        let file = try letters.open(name, .reading)
        var bytes = [UInt8](repeating: 0, count: Int(try file.length()))
        _ = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
        return bytes
    }

    /// Replaces the file's content.
    func write(_ bytes: [UInt8], to name: String) throws {
        let file = try letters.open(name, try letters.names().contains(name) ? .writing : .creating)
        try file.truncate(to: 0)
        let outcome = bytes.withUnsafeBytes { part in
            Result { () throws(SystemError) in try file.write([part], at: 0) }
        }
        try outcome.get()
    }
}
