import OperationLogs

/// A key with its value, both opaque to the spool.
public typealias SnapshotEntry = (key: [UInt8], value: [UInt8])

/// The payload of a snapshot frame: everything that older segments would be needed for, so that they can always go.
enum Snapshot {
    static func bytes(positions: [[UInt8]: [UInt8]], pipelines: [SnapshotEntry]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.appendLittleEndian(UInt32(positions.count))
        bytes.appendLittleEndian(UInt32(pipelines.count))
        for (key, value) in positions.inOrder { append((key, value), to: &bytes) }
        for entry in pipelines { append(entry, to: &bytes) }
        return bytes
    }

    private static func append(_ entry: SnapshotEntry, to bytes: inout [UInt8]) {
        bytes.appendLittleEndian(UInt16(truncatingIfNeeded: entry.key.count))
        bytes.appendLittleEndian(UInt16(0))
        bytes.appendLittleEndian(UInt32(truncatingIfNeeded: entry.value.count))
        bytes += entry.key
        bytes += entry.value
    }

    /// Reads it back; nil if the lengths do not add up.
    static func read(_ bytes: UnsafeRawBufferPointer) -> (positions: [SnapshotEntry], pipelines: [SnapshotEntry])? {
        guard bytes.count >= 8 else { return nil }
        let positionCount = Int(bytes.littleEndian(0, as: UInt32.self))
        let pipelineCount = Int(bytes.littleEndian(4, as: UInt32.self))
        var positions: [SnapshotEntry] = []
        var pipelines: [SnapshotEntry] = []
        var at = 8
        for index in 0..<positionCount + pipelineCount {
            guard at + RecordLayout.positionHeader <= bytes.count else { return nil }
            let keyLength = Int(bytes.littleEndian(at, as: UInt16.self))
            let valueLength = Int(bytes.littleEndian(at + 4, as: UInt32.self))
            at += RecordLayout.positionHeader
            guard keyLength + valueLength <= bytes.count - at else { return nil }
            let entry = (Array(bytes.part(at, keyLength)), Array(bytes.part(at + keyLength, valueLength)))
            if index < positionCount { positions.append(entry) } else { pipelines.append(entry) }
            at += keyLength + valueLength
        }
        return at == bytes.count ? (positions, pipelines) : nil
    }
}

extension Dictionary where Key == [UInt8] {
    /// By their keys. The order of the dictionary is another one in each process: whatever is written, said or chosen by
    /// it would be, too.
    var inOrder: [(key: Key, value: Value)] { sorted { $0.key.lexicographicallyPrecedes($1.key) } }
}
