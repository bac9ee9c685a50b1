/// When the clocks of a time zone stood, stand and will stand at which offset from UTC.
///
/// Read from the system's own data (RFC 8536), which PostgreSQL reads too where it is built for that, as Debian's is: the
/// two agree on every transition.
public struct TimeZoneRules: Sendable, Hashable {
    /// As in `Europe/Berlin`.
    public let name: String
    /// The moments at which the offset changes, in seconds since 2000-01-01T00:00:00Z; ascending.
    let transitions: [Int64]
    /// Seconds east of UTC: before the first transition, and from each on.
    private let offsets: [Int64]
    /// What goes on behind the last transition; nil: the last offset.
    private let rule: DaylightSavingRule?

    init?(name: String, transitions: [Int64], offsets: [Int64], rule: DaylightSavingRule?) {
        guard offsets.count == transitions.count + 1, zip(transitions, transitions.dropFirst()).allSatisfy({ $0 < $1 })
        else { return nil }
        self.name = name
        self.transitions = transitions
        self.offsets = offsets
        self.rule = rule
    }

    private struct Change {
        let before: Int64
        let moment: Int64
        let after: Int64
    }

    /// The offset by which a clock on the wall is read.
    ///
    /// In the hour that clocks leave out in spring it is the offset from before, in the one that they show twice in autumn the
    /// offset from after: as PostgreSQL decides it (`DetermineTimeZoneOffset`).
    /// - Parameter local: seconds since 2000-01-01T00:00:00 by that clock.
    /// - Returns: seconds east of UTC.
    func offset(atLocal local: Int64) -> Int64 {
        // Offsets are shorter than a day, and changes are farther apart than two.
        let earlier = local - 86_400
        guard let change = change(after: earlier) else { return offsets[offsets.count - 1] }
        let before = local - change.before
        let after = local - change.after
        if before < change.moment, after < change.moment { return change.before }
        if before > change.moment, after >= change.moment { return change.after }
        return before > after ? change.before : change.after
    }

    private func change(after moment: Int64) -> Change? {
        var low = 0
        var high = transitions.count
        while low < high {
            let middle = (low + high) / 2
            if transitions[middle] > moment { high = middle } else { low = middle + 1 }
        }
        if low < transitions.count {
            return Change(before: offsets[low], moment: transitions[low], after: offsets[low + 1])
        }
        guard let rule else { return nil }
        let from = max(moment, transitions.last ?? .min)
        let year = CivilDate(daysSince2000: from.quotientAndRemainder(flooringBy: 86_400).0).year
        for candidate in (year - 1...year + 1).flatMap(rule.changes(in:)) where candidate.moment > from {
            return Change(before: candidate.before, moment: candidate.moment, after: candidate.after)
        }
        return nil
    }
}

/// How daylight saving goes on for ever: what stands in `TZ` by POSIX, such as `CET-1CEST,M3.5.0,M10.5.0/3`.
struct DaylightSavingRule: Sendable, Hashable {
    /// A day of each year, with the second of it.
    enum Day: Sendable, Hashable {
        /// From 1 on; February 29th is never counted.
        case julian(Int)
        /// From 0 on, with leap days.
        case ordinal(Int)
        /// The `week`th such weekday of a month, 5 the last; Sunday is 0.
        case weekday(month: Int, week: Int, day: Int)
    }

    /// Seconds east of UTC.
    let standard: Int64
    let saving: Int64
    /// By the clock as it stands before.
    let start: Moment
    let end: Moment

    struct Moment: Sendable, Hashable {
        let day: Day
        /// Seconds behind midnight; RFC 8536 allows a week in both directions.
        let second: Int64

        /// By the clock on the wall, in seconds since 2000-01-01T00:00:00.
        func local(in year: Int64) -> Int64 { day.daysSince2000(in: year) * 86_400 + second }
    }

    /// The two changes of a year, in their order.
    func changes(in year: Int64) -> [(before: Int64, moment: Int64, after: Int64)] {
        let forth = (before: standard, moment: start.local(in: year) - standard, after: saving)
        let back = (before: saving, moment: end.local(in: year) - saving, after: standard)
        return forth.moment < back.moment ? [forth, back] : [back, forth]
    }
}

extension DaylightSavingRule.Day {
    func daysSince2000(in year: Int64) -> Int64 {
        let firstOfYear = CivilDate(year: year, month: 1, day: 1).daysSince2000
        switch self {
        case .ordinal(let day): return firstOfYear + Int64(day)
        case .julian(let day):
            let isLeap = CivilDate(year: year + 1, month: 1, day: 1).daysSince2000 - firstOfYear == 366
            return firstOfYear + Int64(day) - (isLeap && day >= 60 ? 0 : 1)
        case .weekday(let month, let week, let day):
            let first = CivilDate(year: year, month: month, day: 1).daysSince2000
            let following =
                month == 12
                ? CivilDate(year: year + 1, month: 1, day: 1) : CivilDate(year: year, month: month + 1, day: 1)
            // 2000-01-01 was a Saturday.
            let weekday = (first + 6).quotientAndRemainder(flooringBy: 7).1
            var found = first + (Int64(day) - weekday + 7) % 7 + Int64(week - 1) * 7
            while found >= following.daysSince2000 { found -= 7 }
            return found
        }
    }
}
