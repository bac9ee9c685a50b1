import OperationLogs

/// What other threads leave for the writer's thread, and what it tells them: all under one lock, taken a chunk or a
/// group at a time.
struct SpoolInbox: Sendable {
    var queue: [RecordChunk] = []
    var isStopping = false
    var lanes: [LanePosition]
    var settled: SequenceNumber
    var moved: SequenceNumber
    /// Monotonic milliseconds since which the above differ from the cursor on disk.
    var cursorChangedAt: UInt64?
    var wakes: [@Sendable () -> Void] = []
    var marks: AgeMarks
    var shortage: SpaceShortage?
    var failure: SpoolError?
    var groups: UInt64 = 0
    var latestFilledIn: Timestamp
    var identity: SpoolIdentity

    func slot(run: UniqueID) -> CursorSlot {
        CursorSlot(generation: 0, spool: identity.name, run: run, settled: settled, moved: moved, lanes: lanes)
    }

    /// Takes positions over; never backwards.
    /// - Returns: whether anything changed.
    mutating func commit(_ committed: [LanePosition], settled newSettled: SequenceNumber) -> Bool {
        var hasChanged = false
        for lane in committed {
            guard let index = lanes.firstIndex(where: { $0.lane == lane.lane }), lanes[index] != lane else { continue }
            lanes[index] = lane
            hasChanged = true
        }
        if newSettled > settled {
            settled = newSettled
            hasChanged = true
        }
        return hasChanged
    }
}
