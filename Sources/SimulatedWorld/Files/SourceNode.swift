import Glibc
import LinuxSystem

/// A file of the simulated jobs, under whatever name; as long as it has one, or somebody has it open.
final class SourceNode {
    let number: UInt64
    let birthNanoseconds: Int64
    let isDirectory: Bool
    /// Nanoseconds since 1970, with the grain of the kernel's clock.
    var modifiedNanoseconds: Int64
    var changedNanoseconds: Int64
    fileprivate(set) var bytes: [UInt8] = []
    var links = 0
    /// How often the daemon has it open.
    var handles = 0
    /// Whether the daemon had when it looked at everything in its first start: then its position is as durable as that.
    var isOfFirstLook = false
    /// The name that it has, or had last: writers' events are told of that.
    var place: (directory: String, name: String)

    /// The complete lines in it, with the byte behind each.
    private(set) var lines: [(line: SimulatedLine, end: Int)] = []
    /// Which content this is: another one after a truncation.
    var content: Int
    /// Without a name, and open in the daemon, which has to read it to its end.
    var isFollowedWithoutName = false
    /// Left the patterns before the daemon's first start was durable, or could look at it.
    var isForeign = false

    init(
        number: UInt64, birthNanoseconds: Int64, place: (directory: String, name: String), content: Int,
        isDirectory: Bool = false
    ) {
        self.number = number
        self.birthNanoseconds = birthNanoseconds
        self.place = place
        self.content = content
        self.isDirectory = isDirectory
        modifiedNanoseconds = birthNanoseconds
        changedNanoseconds = birthNanoseconds
    }

    var size: Int { bytes.count }

    func append(_ text: ArraySlice<UInt8>) { bytes += text }
    func note(_ line: SimulatedLine) { lines.append((line, bytes.count)) }

    func truncate() {
        bytes = []
        lines = []
    }

    func takeCopy(of other: SourceNode) {
        bytes = other.bytes
        lines = other.lines
    }

    func identity(device: UInt64) -> FileIdentity {
        FileIdentity(
            device: device, inode: number, birthNanoseconds: birthNanoseconds, size: UInt64(size),
            mode: UInt32(isDirectory ? S_IFDIR : S_IFREG) | 0o644, owner: 0, links: UInt64(links),
            modifiedNanoseconds: modifiedNanoseconds, changedNanoseconds: changedNanoseconds)
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Int {
        guard offset < bytes.count else { return 0 }
        let count = min(buffer.count, bytes.count - Int(offset))
        bytes.withUnsafeBytes { source in
            UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[Int(offset)..<Int(offset) + count]))
        }
        return count
    }
}
