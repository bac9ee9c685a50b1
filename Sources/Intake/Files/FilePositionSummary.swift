import LinuxSystem
import OperationLogs

/// How far a file has been read, as a position in the spool says it: for people, and for whoever answers to them.
public struct FilePositionSummary: Sendable, Hashable {
    /// The input's name.
    public let input: String
    /// The name under which its lines are recorded, whatever it is called now.
    public let path: String
    /// Every line that ended before this byte is in the spool or was.
    public let offset: UInt64
    /// The largest size that was seen, in bytes.
    public let seenBytes: UInt64
    public let inode: UInt64
    /// Whether it no longer had the name under which it was read.
    public let isRotated: Bool
    /// Whether it waits until it is known what of it the spool has lost.
    public let isInDoubt: Bool
    private let birthNanoseconds: Int64
    private let device: UInt64
    private let boot: [UInt8]

    /// - Returns: nil if that is no file's position, or one of a version that is not known.
    public init?(key: [UInt8], value: [UInt8]) {
        guard let input = FilePositionKey.input(key), let position = FilePosition(value) else { return nil }
        self.input = input
        path = position.path
        offset = position.mark.offset
        seenBytes = max(position.sizeSeen, position.mark.offset)
        inode = position.inode
        isRotated = position.flags.contains(.isRotated)
        isInDoubt = position.flags.contains(.inDoubt)
        birthNanoseconds = position.birthNanoseconds
        device = position.device
        boot = position.boot
    }

    /// Whether it is of this file, whatever that is called now: by inode, birth time and, within one boot, the device.
    public func isOf(_ identity: FileIdentity, boot present: [UInt8]) -> Bool {
        identity.inode == inode && identity.birthNanoseconds == birthNanoseconds
            && (boot != present || identity.device == device)
    }
}
