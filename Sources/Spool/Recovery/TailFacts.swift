/// What stands behind the last frame of the last segment that verifies, and which case that is.
struct TailFacts: Equatable, Sendable {
    /// The last frame is the seal with which a segment ends.
    var endsWithOwnSeal = false
    /// The last frame is the seal of a clean stop.
    var endsWithStopSeal = false
    /// Not even the snapshot verifies, which was synced before the file took its name.
    var hasSnapshot = true
    /// Zeros stand where the next header would be.
    var slotIsZero = false
    /// Zeros stand everywhere behind the last frame.
    var restIsZero = false
    /// A header further behind verifies in this life of the segment.
    var hasFrameBehind = false
    /// The blocks had a former life.
    var isRecycled = false

    var recoveryCase: RecoveryCase {
        if !hasSnapshot { return .damageInside }
        if endsWithOwnSeal { return .whole }
        if hasFrameBehind { return .damageInside }
        guard slotIsZero, restIsZero || isRecycled else { return .tornTail }
        if endsWithStopSeal { return .cleanEnd }
        return restIsZero ? .unsealedEnd : .recycledBytes
    }
}
