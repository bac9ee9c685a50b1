import Glibc
import LinuxSystem

/// Files of generated events.
enum EventFile {
    /// 2024-11-20T12:34:56Z: log times before now stay below any limit on times ahead.
    static let start: Int64 = 1_732_106_096

    static func write(count: Int, to path: String) throws {
        guard let file = fopen(path, "w") else { throw SystemError.last("fopen", path) }
        defer { fclose(file) }
        var generator = EventGenerator(seed: 20_261_120, start: start)
        var text: [UInt8] = []
        for index in 1...max(count, 1) {
            generator.appendLine(to: &text)
            if text.count > 1 << 20 || index == count {
                guard fwrite(text, 1, text.count, file) == text.count else { throw SystemError.last("fwrite", path) }
                text.removeAll(keepingCapacity: true)
            }
        }
    }

    static func read(_ path: String) throws -> [UInt8] {
        guard let file = fopen(path, "r") else { throw SystemError.last("fopen", path) }
        defer { fclose(file) }
        fseek(file, 0, SEEK_END)
        var bytes = [UInt8](repeating: 0, count: ftell(file))
        fseek(file, 0, SEEK_SET)
        guard fread(&bytes, 1, bytes.count, file) == bytes.count else { throw SystemError.last("fread", path) }
        return bytes
    }
}
