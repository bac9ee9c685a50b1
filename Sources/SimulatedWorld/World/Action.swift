import Delivery
import OperationLogs

/// One thing that happens in a simulated world. A schedule is a list of them; each is drawn by itself, so that a schedule
/// can be shortened without changing the rest.
package enum Action: Sendable, Hashable {
    /// A client writes lines.
    case write(source: Int, lines: Int)
    /// The daemon reads from a connection.
    case read(source: Int, bytes: Int)
    /// The client goes away; what it has written stays on the connection no longer.
    case hangUp(source: Int)
    /// The spool's thread takes turns.
    case spool(turns: Int)
    /// Clients are told what is durable.
    case answer
    /// Rejected lines are moved to the dead letters.
    case move
    /// Delivery goes so many steps.
    case deliver(steps: Int)
    case wait(milliseconds: Int)

    /// A job does something with its log file.
    case job(Int, JobAction)
    /// It does so in the middle of what the daemon does next: right before a call of its file system, after so many others.
    case meanwhile(Int, JobAction, afterCalls: Int)
    /// The files' thread takes turns.
    case tail(turns: Int)
    /// The queue of what happened to watched files is full after so many further events.
    case crowdEvents(room: Int)
    /// Calls by which the files' thread looks at its files fail.
    case failSource(SourceFaults.Rule)

    /// Units that print to the journal do something, or journald does.
    case units(UnitAction)
    /// The journal's thread takes turns.
    case readJournal(turns: Int)

    /// Somebody sends dead letters again, one of so many, and mends their lines.
    case retry(oneOf: Int, seed: UInt64)
    /// Somebody discards some.
    case discard(oneOf: Int, seed: UInt64)

    /// The process ends at once; what it wrote is in the page cache.
    case kill
    /// As `kill`; of what a failed sync gave up, nothing is left in the cache.
    case killAndEvict
    /// The machine goes down: of what was not synced, each sector is there or not.
    case powerCut(share: Int, seed: UInt64)
    /// As `powerCut`, and again within the recovery, after so many operations on the disk.
    case powerCutTwice(share: Int, seed: UInt64, operations: Int)
    /// The machine goes down within what the spool and the mover do next, after so many operations on the disk.
    case powerCutWithin(share: Int, seed: UInt64, operations: Int)
    case stopAndStart
    /// The daemon ends, and is started again after so many further actions.
    case leaveDown(actions: Int, isOrderly: Bool)

    case failSync
    case failCall(CallFaults.Rule)
    case diskFull(Bool)

    case databaseUp(Bool)
    case databaseFault(SimulatedDatabase.Fault, after: Int)
    case tableMissing(EventKind, Bool)
    case tableLocked(EventKind, Bool)
    case readOnly(Bool)

    /// COMMIT is answered with the warning that nothing is replicated.
    case standbyAway(Bool)
    case backUp
    /// Of the backups that were made, the newest being 0.
    case restore(age: Int, intoNewCluster: Bool)
    /// A standby becomes the server that lacks so many commits.
    case promote(lacking: Int)
    /// A synchronous standby becomes the server, without what it has not confirmed.
    case promoteConfirmed
    /// The newest state that the database ever had is restored.
    case restoreNewest

    /// A place of the spool is damaged, while the daemon runs or after it was killed.
    case damage(DamagedPlace, DamageKind, seed: UInt64, isRunning: Bool)
    /// The daemon is killed, and its segments are set back to what they were at the last action of this kind, if that is
    /// noticed; the operator has the spool go on without those that are missing.
    case setBackSegments

    /// Draws one.
    static func draw(_ circumstances: Circumstances, _ random: inout SplitMix64) -> Action {
        func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
        if circumstances.hasOperator, number(0...99) < 6 {
            let share = [1, 3, 8][number(0...2)]
            let seed = random.next()
            return seed % 4 == 0 ? .discard(oneOf: share, seed: seed) : .retry(oneOf: share, seed: seed)
        }
        if circumstances.hasFiles, number(0...99) < 45 { return drawOfFiles(&random) }
        if circumstances.hasJournal, number(0...99) < 30 {
            return number(0...99) < 45 ? .readJournal(turns: number(1...4)) : .units(UnitAction.draw(&random))
        }
        let source = number(0...2)
        switch number(0...999) {
        case ..<170: return .write(source: source, lines: [1, 2, 5, 20, 60][number(0...4)])
        case ..<325: return .read(source: source, bytes: [50, 400, 3000, 20_000][number(0...3)])
        case ..<331 where circumstances.hasDamage:
            let kind = DamageKind.allCases[number(0...1)]
            let seed = random.next()
            // From the seed, so that schedules stay what they were.
            if seed >> 32 % 8 == 0 { return .setBackSegments }
            return .damage(.of(seed), kind, seed: seed, isRunning: number(0...1) == 0)
        case ..<336: return .backUp
        case ..<338: return .restore(age: number(0...2), intoNewCluster: number(0...2) == 0)
        case ..<341: return .promote(lacking: number(1...12))
        case ..<342: return .promoteConfirmed
        case ..<343: return .restoreNewest
        case ..<345: return .standbyAway(number(0...1) == 0)
        case ..<350: return .hangUp(source: source)
        case ..<530: return .spool(turns: number(1...4))
        case ..<590: return .answer
        case ..<640: return .move
        case ..<800: return .deliver(steps: number(1...40))
        case ..<842: return .wait(milliseconds: [1, 100, 1001, 20_000][number(0...3)])
        case ..<850: return .powerCutWithin(share: number(0...4) * 25, seed: random.next(), operations: number(0...9))
        case ..<862: return .kill
        case ..<866: return .killAndEvict
        case ..<880: return .powerCut(share: number(0...4) * 25, seed: random.next())
        case ..<888: return .powerCutTwice(share: number(0...4) * 25, seed: random.next(), operations: number(0...14))
        case ..<898: return .stopAndStart
        case ..<903: return .failSync
        case ..<909:
            // One that nobody hears of comes up in the sweep only: so schedules stay what they were.
            let calls = StorageCall.allCases.filter { $0 != .reserve }
            let call = calls[number(0...calls.count - 1)]
            return .failCall(
                CallFaults.Rule(
                    call: call, nth: [1, 2, 3, 4, 5, 6, 12, 30][number(0...7)],
                    code: CallFaults.codes[number(0...CallFaults.codes.count - 1)].code,
                    isForGood: number(0...3) == 0, torn: CallFaults.Torn.allCases[number(0...2)]))
        case ..<915: return .diskFull(true)
        case ..<925: return .diskFull(false)
        case ..<933: return .databaseUp(false)
        case ..<945: return .databaseUp(true)
        case ..<965:
            let faults: [SimulatedDatabase.Fault] = [
                .lostBefore, .lostAfter, .lostAfter, .timedOut, .error("40001"), .error("57P01"), .error("53200"),
                .error("08007"),
            ]
            return .databaseFault(faults[number(0...7)], after: number(0...12))
        case ..<975: return .tableMissing(EventKind.allCases[number(0...7)], number(0...2) == 0)
        case ..<987: return .tableLocked(EventKind.allCases[number(0...7)], number(0...2) == 0)
        case ..<991: return .readOnly(true)
        default: return .readOnly(false)
        }
    }

    private static func drawOfFiles(_ random: inout SplitMix64) -> Action {
        func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
        let job = number(SimulatedSources.jobs)
        switch number(0...99) {
        case ..<44: return .tail(turns: number(1...4))
        case ..<90: return .job(job, JobAction.draw(&random))
        case ..<92: return .leaveDown(actions: number(1...12), isOrderly: number(0...1) == 0)
        case ..<96: return .meanwhile(job, JobAction.draw(&random), afterCalls: number(0...25))
        case ..<98: return .failSource(SourceFaults.Rule.draw(&random))
        default: return .crowdEvents(room: number(0...6))
        }
    }
}
