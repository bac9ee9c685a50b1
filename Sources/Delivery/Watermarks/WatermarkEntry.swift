import OperationLogs

/// What a snapshot keeps of undelivered watermarks; read back with every length checked.
///
/// A pipeline's entry has its name as the key; the value is a version (1), the number of steps, and each step: sequence
/// number and `updated_at` (8 bytes each), a byte of flags, `last_processed_ts` (8) if flag 1 is set, and with flag 2
/// the status behind its length (4). The entry of the bounds has a single zero as its key, which no name can have, and
/// two numbers behind the version. All little-endian.
enum WatermarkEntry {
    /// - Parameters:
    ///   - dropped: the last watermark that was let go since the database has it.
    ///   - missing: the last one that was not kept although the database does not have it.
    case bounds(dropped: SequenceNumber, missing: SequenceNumber)
    case pipeline(WatermarkChain<[UInt8]>)

    private static let version: UInt8 = 1
    private static let boundsKey: [UInt8] = [0]

    init?(key: [UInt8], value: [UInt8]) {
        let read = value.withUnsafeBytes { bytes -> WatermarkEntry? in
            guard bytes.count >= 2, bytes[0] == Self.version else { return nil }
            return key == Self.boundsKey ? Self.bounds(bytes.part(1, bytes.count - 1)) : Self.pipeline(bytes)
        }
        guard let read else { return nil }
        self = read
    }

    private static func bounds(_ bytes: UnsafeRawBufferPointer) -> WatermarkEntry? {
        guard bytes.count == 16 else { return nil }
        return .bounds(
            dropped: SequenceNumber(bytes.littleEndian(0)), missing: SequenceNumber(bytes.littleEndian(8)))
    }

    private static func pipeline(_ bytes: UnsafeRawBufferPointer) -> WatermarkEntry? {
        var at = 2
        func has(_ count: Int) -> Bool { count <= bytes.count - at }
        var steps: [WatermarkChain<[UInt8]>.Step] = []
        for _ in 0..<bytes[1] {
            guard has(17) else { return nil }
            var step = WatermarkChain<[UInt8]>.Step(
                sequence: bytes.littleEndian(at), updatedAt: Timestamp(microseconds: bytes.littleEndian(at + 8)))
            let flags = bytes[at + 16]
            guard flags <= 3 else { return nil }
            at += 17
            if flags & 1 != 0 {
                guard has(8) else { return nil }
                step.lastProcessed = Timestamp(microseconds: bytes.littleEndian(at))
                at += 8
            }
            if flags & 2 != 0 {
                guard has(4) else { return nil }
                let length = Int(bytes.littleEndian(at, as: UInt32.self))
                at += 4
                guard has(length) else { return nil }
                step.status = Array(bytes.part(at, length))
                at += length
            }
            steps.append(step)
        }
        guard at == bytes.count else { return nil }
        return WatermarkChain(steps).map(WatermarkEntry.pipeline)
    }

    func encoded(of pipeline: [UInt8]) -> (key: [UInt8], value: [UInt8]) {
        var value = [Self.version]
        switch self {
        case .bounds(let dropped, let missing):
            value.appendLittleEndian(dropped.rawValue)
            value.appendLittleEndian(missing.rawValue)
            return (Self.boundsKey, value)
        case .pipeline(let chain):
            value.append(UInt8(chain.steps.count))
            for step in chain.steps {
                value.appendLittleEndian(step.sequence)
                value.appendLittleEndian(step.updatedAt.microseconds)
                value.append((step.lastProcessed == nil ? 0 : 1) | (step.status == nil ? 0 : 2))
                if let lastProcessed = step.lastProcessed { value.appendLittleEndian(lastProcessed.microseconds) }
                if let status = step.status {
                    value.appendLittleEndian(UInt32(status.count))
                    value += status
                }
            }
            return (pipeline, value)
        }
    }
}
