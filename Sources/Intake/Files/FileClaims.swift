import Synchronization

/// Which input follows which file, across the inputs of one daemon: a file that two inputs match is followed by the
/// first.
public final class FileClaims: Sendable {
    private let owners = Mutex<[FileKey: String]>([:])

    public init() {}

    /// Claims a file for an input.
    /// - Returns: the input that has it already; nil if it is this one's now.
    func claim(_ key: FileKey, for input: String) -> String? {
        owners.withLock { owners in
            if let owner = owners[key], owner != input { return owner }
            owners[key] = input
            return nil
        }
    }

    func release(_ key: FileKey, of input: String) {
        owners.withLock { if $0[key] == input { $0[key] = nil } }
    }
}
