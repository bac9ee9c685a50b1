import OperationLogs

/// What an input knows of itself across restarts: that it was started before, which `start_at: end` asks; and up to when
/// it had seen every file that came. <doc:FilePositions> has the bytes.
struct FileInputMark: Sendable, Hashable {
    /// Nanoseconds since 1970: each file under the patterns that was born before has a position.
    private(set) var seenUntil: Int64
    /// Paths that could not be looked at, with the time that holds for what is there and below.
    private(set) var held: [String: Int64] = [:]

    init(seenUntil: Int64) {
        self.seenUntil = seenUntil
    }

    /// The time that holds for files in this directory.
    func seenUntil(in directory: String) -> Int64 {
        guard !held.isEmpty else { return seenUntil }
        return held.reduce(seenUntil) { Self.isAtOrBelow(directory, $1.key) ? min($0, $1.value) : $0 }
    }

    /// All that was born before was found, where nothing is held.
    mutating func advance(to time: Int64) { seenUntil = max(seenUntil, time) }

    /// The time stays where it is for what is at or below a path: that cannot be looked at.
    mutating func hold(_ path: String) {
        guard held[path] == nil, held["/"] == nil else { return }
        held[path] = seenUntil(in: path)
        // A bound for what stands in the spool: then everything is held.
        if held.count > Self.mostHeld { held = ["/": held.values.reduce(seenUntil, min)] }
    }

    /// What is held can be looked at again, but for what is still in trouble.
    mutating func releaseAll(but troubled: Set<String>) {
        guard !held.isEmpty else { return }
        held = held.filter { troubled.contains($0.key) || $0.key == "/" && !troubled.isEmpty }
    }

    private static func isAtOrBelow(_ directory: String, _ path: String) -> Bool {
        directory == path || path == "/" || directory.hasPrefix(path) && directory.dropFirst(path.count).first == "/"
    }

    // MARK: Bytes

    private static let mostHeld = 64
    private static let longestPath = 4096

    init?(_ bytes: [UInt8]) {
        guard bytes.count >= 9, 1...2 ~= bytes[0], bytes[0] == 2 || bytes.count == 9 else { return nil }
        seenUntil = bytes.withUnsafeBytes { $0.littleEndian(1) }
        var at = 9
        while at < bytes.count {
            guard at + 10 <= bytes.count else { return nil }
            let (time, length): (Int64, UInt16) = bytes.withUnsafeBytes {
                ($0.littleEndian(at), $0.littleEndian(at + 8))
            }
            at += 10 + Int(length)
            guard at <= bytes.count else { return nil }
            held[String(decoding: bytes[(at - Int(length))..<at], as: UTF8.self)] = time
        }
    }

    var encoded: [UInt8] {
        func number(_ number: some FixedWidthInteger) -> [UInt8] {
            withUnsafeBytes(of: number.littleEndian, Array.init)
        }
        let isShort = held.keys.allSatisfy { $0.utf8.count <= Self.longestPath }
        let time = isShort ? seenUntil : held.values.reduce(seenUntil, min)
        var bytes = [held.isEmpty || !isShort ? 1 : 2] + number(time)
        guard isShort else { return bytes }
        for (path, time) in held.sorted(by: { $0.key < $1.key }) {
            bytes += number(time) + number(UInt16(path.utf8.count)) + Array(path.utf8)
        }
        return bytes
    }
}
