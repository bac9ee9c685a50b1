/// What stands behind the last frame of the last segment that verifies, and which case that is. What is damaged
/// before it is told apart: `SegmentScan.losses`.
struct TailFacts: Equatable, Sendable {
    /// The last frame is the seal with which a segment ends.
    var endsWithOwnSeal = false
    /// The last frame is the seal of a clean stop.
    var endsWithStopSeal = false
    /// Not even the snapshot verifies, which was synced before the file took its name, nor anything behind it.
    var isEmpty = false
    /// The file is shorter than its header says.
    var isShort = false
    /// Zeros stand where the next header would be.
    var slotIsZero = false
    /// Zeros stand everywhere behind the last frame.
    var restIsZero = false
    /// The blocks had a former life.
    var isRecycled = false

    var recoveryCase: RecoveryCase {
        if endsWithOwnSeal { return .whole }
        guard !isEmpty, !isShort, slotIsZero, restIsZero || isRecycled else { return .tornTail }
        if endsWithStopSeal { return .cleanEnd }
        return restIsZero ? .unsealedEnd : .recycledBytes
    }
}
