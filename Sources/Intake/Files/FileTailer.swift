import Instruments
import LinuxSystem
import OperationLogs
import Synchronization

/// Follows the files of one input: performs what ``TailStateMachine`` decides for each. Lives on the input's thread.
///
/// One loop of turns: what has happened in the directories, what time has come, a fair round of reads over the files that
/// have data; and a wait without end if nothing is due.
package final class FileTailer<FileSystem: SourceFileSystem, Clock: TimeSource> {
    typealias Tracked = TrackedFile<FileSystem.File>

    let options: FileInputOptions
    let limits: FileInputLimits
    let wanted: [PathPattern]
    let excluded: [PathPattern]
    let rotatedPlaces: [PathPattern]
    let fileSystem: FileSystem
    let clock: Clock
    let watermarkClock: WatermarkClock
    let diagnostics: Diagnostics
    let board: FileInputBoard
    let claims: FileClaims
    let boot: [UInt8]
    let window: ChunkWindow
    let wake: EventDescriptor
    let watch: DirectoryWatch<FileSystem>
    /// Names the contents of files in the spool.
    let randomID: () -> UniqueID
    let lostBytes: Counter
    let skippedNULs: Counter
    let losses: (any LostSources)?
    let news = OrderNews()
    /// Why it does not begin to read, as it was said last.
    var saidWait: String?

    /// Where files are looked for, with a trailing component left out.
    var directories: Set<String> = []
    var files: [UInt64: Tracked] = [:]
    /// Those that are open, and of these the ones that may be closed: all that is in them has been read.
    var open: [UInt64: Tracked] = [:]
    var openAtEnd: [UInt64: Tracked] = [:]
    var beginnings = FileBeginnings<FileSystem.File>()
    /// At how many open ones it is looked again for some to close.
    var openBeforeClosing = 0
    /// Whether names are looked at of which nothing has told that they changed.
    var isLookingAtEverything = false
    /// Whether names are being settled.
    var isSettlingNames = false
    /// The same in the order of discovery: what is done does not depend on that of a dictionary.
    var filesInOrder: [Tracked] = []
    var byKey: [FileKey: Tracked] = [:]
    var byName: [String: Tracked] = [:]
    /// Those that are ready, in the order of the round.
    var queue: [Tracked] = []
    var timed: [UInt64: Tracked] = [:]
    /// Those whose names have changed in the changes that are being taken.
    var renamed: [UInt64: Tracked] = [:]
    /// Files that are not followed, and came under names that are not wanted, in the same changes.
    var newcomers: [String: FileIdentity] = [:]
    /// Those whose positions go into the open chunk.
    var touched: [Tracked] = []
    /// Keys of positions that the open chunk forgets.
    var forgotten: [[UInt8]] = []
    /// Names of which it is not known what they lead to, or what is to be done with that; and when to try again.
    var unopened: [String: (retryAt: UInt64, trouble: SystemError)] = [:]
    /// What cannot be found now is looked for again; its position stays in the spool meanwhile.
    var formerContents: [FormerContent] = []
    /// What the last walk along the patterns could not look at, and why.
    var walkTroubles: [String: SystemError] = [:]
    /// When to look for the former contents again.
    var nextSearch: UInt64?
    /// Paths that could not be looked at since the last look at everything began.
    var troubled: [String: SystemError] = [:]
    /// Names of files that were there at a first start with `start_at: end`, and could not be opened then.
    var startingAtEnd: Set<String> = []
    /// Serials of files with copies that came since they were read, perhaps of contents that no read will see.
    var unreadCopied: Set<UInt64> = []
    /// Serials of closed files that were found to have no name, with the number of looks at everything that had begun.
    var nameless: [UInt64: Int] = [:]
    var looksBegun = 0
    var nextPoll: UInt64?
    /// Whether the spool has no mark yet: this start, or one before that died first, is the first.
    var isFirstStart = false
    /// Whether the mark may be written: at a first start, not before all that was there has a position.
    var mayMark = false
    /// The names under which files came that were renamed before anybody could look, by those that they have now.
    var arrivals: [String: String] = [:]
    /// Before all directories were looked through the last time.
    var lastLook: Int64 = 0
    /// Each file that was born before is followed, and has a position in the open chunk or one before.
    var seen = FileInputMark(seenUntil: 0)
    var nextSerial: UInt64 = 1
    var buffer: UnsafeMutableRawBufferPointer
    /// How far lines were read again before this start, by the keys of that.
    var progress: [[UInt8]: RereadingProgress] = [:]
    var rereads: [Reread] = []
    /// All that this run has begun, and those whose lines are all handed over, with the last chunk of them.
    var taken: Set<Rereading> = []
    var finished: [(ticket: UInt64, order: Rereading)] = []
    /// Files of these go on where they stand now.
    var doubts: [PositionDoubt] = []
    /// Names whose files are not in doubt, with the time from which on they were not: nanoseconds since 1970.
    var certainSince: [String: Int64] = [:]
    /// The chunk with which all of them do; nil if there are none.
    var doubtsEnd: UInt64?

    package init(
        options: FileInputOptions, limits: FileInputLimits, sink: any RecordSink, wake: EventDescriptor,
        fileSystem: FileSystem, clock: Clock, watermarkClock: WatermarkClock, diagnostics: Diagnostics,
        registry: Registry, board: FileInputBoard, claims: FileClaims, losses: (any LostSources)? = nil,
        randomID: @escaping () -> UniqueID = UniqueID.random
    ) {
        self.options = options
        self.limits = limits
        self.losses = losses
        wanted = options.paths.map(PathPattern.init)
        excluded = options.exclude.map(PathPattern.init)
        rotatedPlaces = options.rotated.map(PathPattern.init)
        self.fileSystem = fileSystem
        self.clock = clock
        self.watermarkClock = watermarkClock
        self.diagnostics = diagnostics
        self.board = board
        self.claims = claims
        self.wake = wake
        self.randomID = randomID
        boot = fileSystem.bootIdentity()
        window = ChunkWindow(
            input: options.name, sink: sink, wake: wake, registry: registry, limitBytes: limits.windowBytes)
        watch = DirectoryWatch(
            of: fileSystem, input: options.name, maxWatches: limits.maxWatches, diagnostics: diagnostics)
        lostBytes = registry.counter(
            "opslogd_input_bytes_lost_total", help: "Bytes of rotated or truncated files that were never found again.",
            labels: [("input", options.name)])
        skippedNULs = registry.counter(
            "opslogd_input_nul_bytes_skipped_total",
            help:
                "NUL bytes skipped at the beginning of files that were truncated under a writer that kept its offset.",
            labels: [("input", options.name)])
        buffer = .allocate(byteCount: limits.readBytes, alignment: 16)
        losses?.onOrders { [news, wake] in
            news.isThere.store(true, ordering: .releasing)
            wake.signal()
        }
    }

    deinit { buffer.deallocate() }

    var now: UInt64 { clock.monotonicNanoseconds() }

    /// A time before which each file that was born has shown itself, if it is taken before looking. Births are stamped
    /// by a clock of the kernel's that may be some milliseconds behind.
    var timeBeforeLooking: Int64 { (clock.realtimeMicroseconds() - 20_000) * 1000 }

    func milliseconds(_ count: Int) -> UInt64 { UInt64(max(0, count)) * 1_000_000 }

    /// Follows the files until `stopping` says so; then hands over what is there and waits, not for ever, until it is
    /// durable.
    func run(recovered: [(key: [UInt8], value: [UInt8])], stopping: borrowing Atomic<Bool>) {
        while !begin(recovered) {
            if stopping.load(ordering: .acquiring) { return }
            wake.wait()
        }
        while !stopping.load(ordering: .acquiring) {
            if !turn() { rest() }
        }
        end()
        window.waitUntilSettled(
            milliseconds: limits.stopMilliseconds, wokenBy: wake, clock: clock, input: options.name,
            diagnostics: diagnostics)
        settleDoubts()
        settleRereadings()
    }

    /// Looks for the files, and goes on where the recovered positions say, unless what the spool has lost of those is not
    /// known yet.
    ///
    /// - Returns: false as long as it is not: to be called again after a wake-up.
    package func begin(_ recovered: [(key: [UInt8], value: [UInt8])]) -> Bool {
        let orders = losses?.orders(for: options.name) ?? DamageOrders()
        guard mayBegin(orders) else { return false }
        doubts = orders.doubts
        recover(takeProgress(recovered))
        beginDoubts()
        return true
    }

    /// Takes what has happened, and reads once from each file that has data.
    ///
    /// - Returns: whether there is more to do at once.
    package func turn() -> Bool {
        window.settle()
        settleRereadings()
        takeChanges()
        passTime()
        if !window.isFull { reread() }
        if !window.isFull { readRound() }
        settleDoubts()
        let isIdle = queue.isEmpty && rereads.isEmpty || window.isFull
        if isIdle { submitUnlessManyAreUnderWay() }
        board.setBytesUnderWay(window.bytesUnderWay)
        return !isIdle
    }

    /// Waits until something happens or some time comes.
    package func rest() { watch.wait(or: wake, milliseconds: timeToWait(), now: now) }

    /// Every chunk up to this one is durable; 0 before the first.
    package var durableTicket: UInt64 { window.receipt.durableTicket }

    /// The keys of the positions of all files that are followed, or looked for.
    package var positionKeys: Set<[UInt8]> {
        Set(filesInOrder.map(\.positionKey)).union(formerContents.compactMap(\.key))
    }

    /// Whether nothing waits for a call that has failed.
    package var isNothingPutOff: Bool {
        doubts.isEmpty && unopened.isEmpty && troubled.isEmpty && nextSearch == nil
            && filesInOrder.allSatisfy { $0.trouble == nil }
    }

    /// Hands over all that was read.
    package func end() {
        takeChanges()
        window.builder.addPosition(key: FilePositionKey.mark(input: options.name), value: seen.encoded)
        submit()
    }

    // MARK: Time

    /// Nil where nothing is due but what wakes the thread by itself.
    private func timeToWait() -> Int? {
        var earliest = nextPoll
        if let time = nextSearch { earliest = min(earliest ?? time, time) }
        if let time = watch.awaitsRenamingUntil { earliest = min(earliest ?? time, time) }
        func consider(_ time: UInt64?) { if let time { earliest = min(earliest ?? time, time) } }
        for file in timed.values { consider(due(file)) }
        for name in unopened.values { consider(name.retryAt) }
        guard let earliest else { return nil }
        let time = now
        return earliest <= time ? 0 : Int((earliest - time) / 1_000_000) + 1
    }

    private func due(_ file: Tracked) -> UInt64? {
        if let retryAt = file.retryAt { return retryAt }
        guard let deadline = file.tail.deadline, let look = file.nextLook else {
            return file.tail.deadline ?? file.nextLook
        }
        return min(deadline, look)
    }

    private func passTime() {
        guard !timed.isEmpty || !unopened.isEmpty || nextPoll != nil || nextSearch != nil else { return }
        let time = now
        if let next = nextPoll, time >= next { lookAtEverything() }
        if let next = nextSearch, time >= next { searchAgain() }
        for file in timed.values.filter({ (due($0) ?? .max) <= time }).sorted(by: { $0.serial < $1.serial }) {
            if file.retryAt != nil {
                file.retryAt = nil
                apply(.mayHaveGrown, to: file)
            } else if file.nextLook != nil {
                file.nextLook = nil
                watchItself(file)
                apply(.mayHaveGrown, to: file)
            } else {
                apply(.timePassed, to: file)
            }
        }
        for (path, name) in unopened.sorted(by: { $0.key < $1.key }) where name.retryAt <= time {
            look(at: path)
        }
        settleNames()
    }

    // MARK: Deciding and doing

    /// Tells a file's state machine, and does what it says.
    func apply(_ event: TailStateMachine.Event, to file: Tracked) {
        let wasHeld = file.tail.isHeld
        let action = file.tail.event(event, now: now)
        if wasHeld, !file.tail.isHeld { file.isJudged = true }
        if event == .timePassed, wasHeld, !file.tail.isHeld, isHeldOn(file) {
            file.isJudged = false
            return apply(.looksLikeCopy, to: file)
        }
        switch action {
        case .nothing: break
        case .startAgain: startAgain(file)
        case .finishLine: attempt(file) { () throws(SystemError) in try read(file, finishing: true) }
        case .closeDescriptor: close(file)
        case .forget: forget(file)
        }
        refresh(file)
    }

    /// Brings queue, times, lag and status up to what the file is now.
    func refresh(_ file: Tracked) {
        guard files[file.serial] != nil else { return }
        if file.tail.isReady, file.retryAt == nil, !file.isQueued {
            file.isQueued = true
            queue.append(file)
        }
        timed[file.serial] = due(file) == nil ? nil : file
        openAtEnd[file.serial] = mayBeClosed(file) ? file : nil
        beginnings.note(file)
        let lag = Int(clamping: file.size) - Int(clamping: min(file.resume.offset, file.size))
        if lag != file.lag {
            board.addLag(lag - file.lag)
            file.lag = lag
        }
        board.set(
            file.serial,
            FileInputStatus.File(
                path: file.presentPath, position: file.resume.offset, size: file.size, state: state(of: file)))
    }

    private func state(of file: Tracked) -> FileInputStatus.State {
        if file.retryAt != nil { return .failing }
        if file.tail.isHeld { return .held }
        if file.tail.isReady { return .reading }
        return file.tail.standing == .named ? .waiting : .rotated
    }

    // MARK: Handing over

    /// Notes that the file's position has moved: it goes into the chunk that holds the lines.
    func touch(_ file: Tracked) {
        guard !file.isTouched else { return }
        file.isTouched = true
        touched.append(file)
        // Each that is touched stands where its lines in the open chunk end, so the chunk can be closed here.
        if touched.count >= limits.maxPositions { submit() }
    }

    /// Forgets a position in the open chunk, if the spool may hold it.
    func forgetPosition(of file: Tracked) {
        if file.isRecorded { forgotten.append(file.positionKey) }
        file.isRecorded = false
    }

    /// Closes the open chunk with the positions that its lines advance.
    func submit() {
        // A chunk counts its positions in 16 bits. What is to be forgotten may wait; what has moved goes with its lines.
        let forgettable = forgotten.prefix(limits.maxPositions)
        for key in forgettable { window.builder.addPosition(key: key, value: []) }
        forgotten.removeFirst(forgettable.count)
        for file in touched {
            file.isTouched = false
            guard files[file.serial] != nil else { continue }
            file.isRecorded = true
            window.builder.addPosition(key: file.positionKey, value: file.position(boot: boot).encoded)
        }
        touched.removeAll(keepingCapacity: true)
        if mayMark, !window.builder.isEmpty || isFirstStart {
            window.builder.addPosition(key: FilePositionKey.mark(input: options.name), value: seen.encoded)
            isFirstStart = false
        }
        window.submit()
        if !forgotten.isEmpty { submit() }
    }

    /// A lone line goes at once. While the disk is busy with several chunks already, small ones are gathered: they could
    /// not be durable sooner.
    private func submitUnlessManyAreUnderWay() {
        if window.isFull || window.chunksUnderWay < 4 || window.builder.recordBytes >= 64 << 10 { submit() }
    }
}
