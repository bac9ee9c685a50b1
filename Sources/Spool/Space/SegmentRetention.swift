import OperationLogs

/// Decides which delivered segments go, and whether there is room for another one. Values only.
struct SegmentRetention: Sendable {
    struct Candidate: Equatable, Sendable {
        var first: SequenceNumber
        /// The last record's number; one less than `first` if there are none.
        var last: SequenceNumber
        var bytes: UInt64
        var ageSeconds: Int64
    }

    struct Room: Equatable {
        /// How many of the oldest segments go.
        var freed: Int
        /// Why there is no room even then.
        var shortage: SpaceShortage?
    }

    let options: SpoolOptions

    /// How many of the oldest segments are delivered and past what is kept.
    ///
    /// - Parameters:
    ///   - closed: the segments before the active one, oldest first.
    ///   - delivered: settled and moved up to here, and the cursor on disk says so.
    func expired(_ closed: [Candidate], delivered: SequenceNumber) -> Int {
        let free = closed.prefix { $0.last <= delivered }
        var kept: UInt64 = 0
        var keptCount = 0
        for segment in free.reversed() {
            kept += segment.bytes
            guard kept <= options.keepDeliveredBytes || segment.ageSeconds < Int64(options.keepDeliveredAgeSeconds)
            else { break }
            keptCount += 1
        }
        return free.count - keptCount
    }

    /// What must go for a new segment of `needed` bytes.
    ///
    /// With everything delivered there is always room by `max_bytes`: a segment longer than usual may pass it then.
    /// - Parameters:
    ///   - activeBytes: of the active segment; 0 without one.
    ///   - spareBytes: of a file that waits to be used again, and will be for this one.
    ///   - available: what the file system has left.
    ///   - isAllDelivered: whether the active segment is delivered too.
    func room(
        for needed: UInt64, closed: [Candidate], delivered: SequenceNumber, activeBytes: UInt64, spareBytes: UInt64,
        available: UInt64, isAllDelivered: Bool
    ) -> Room {
        let extra = needed > spareBytes ? needed - spareBytes : 0
        var bytes = closed.reduce(activeBytes + spareBytes) { $0 + $1.bytes }
        var free = available
        var freed = 0
        func shortage() -> SpaceShortage? {
            if bytes + extra > options.maxBytes { return .maxBytes }
            if extra > 0, free < options.minFreeBytes + extra { return .minFree }
            return nil
        }
        for segment in closed.prefix(while: { $0.last <= delivered }) {
            if shortage() == nil { break }
            bytes -= segment.bytes
            free += segment.bytes
            freed += 1
        }
        let verdict = shortage()
        if verdict == .maxBytes, isAllDelivered, freed == closed.count {
            return Room(freed: freed, shortage: free < options.minFreeBytes + extra ? .minFree : nil)
        }
        return Room(freed: freed, shortage: verdict)
    }
}
