import LinuxSystem

/// An inotify instance of the simulated file system, with a queue that can be full.
final class SimulatedWatches: SourceWatches {
    private struct Watch {
        let number: Int32
        var events: Inotify.Events
    }

    private let files: SimulatedSourceFiles
    private var ofDirectories: [String: Watch] = [:]
    private var ofFiles: [ObjectIdentifier: (watch: Watch, node: SourceNode)] = [:]
    private var queue: [Inotify.Event] = []
    private var nextNumber: Int32 = 1
    /// How many events still fit, -1 once one did not; nil: as many as come. There is room again once that was read.
    private var room: Int?
    /// Until when its owner waits; nil: without end.
    private(set) var restsUntil: UInt64?

    init(of files: SimulatedSourceFiles) { self.files = files }

    private var ignoresEvents = false

    /// Whether there is something for which its owner waits.
    var hasEvents: Bool { !ignoresEvents && !queue.isEmpty }

    /// Lets the queue be full after so many further events.
    func crowd(room: Int) { self.room = room }

    // MARK: What the daemon does

    func watch(_ path: String, _ events: Inotify.Events) throws(SystemError) -> Int32 {
        let node = try files.find(path, .watch)
        let asked = events.subtracting([.onlyDirectory, .adding])
        if node.isDirectory {
            let before = ofDirectories[path]
            let all = events.contains(.adding) ? asked.union(before?.events ?? []) : asked
            let watch = Watch(number: before?.number ?? newNumber(), events: all)
            ofDirectories[path] = watch
            return watch.number
        }
        let watch = Watch(number: ofFiles[ObjectIdentifier(node)]?.watch.number ?? newNumber(), events: asked)
        ofFiles[ObjectIdentifier(node)] = (watch, node)
        return watch.number
    }

    private func newNumber() -> Int32 {
        nextNumber += 1
        return nextNumber
    }

    func end(_ watch: Int32) {
        if let directory = ofDirectories.first(where: { $0.value.number == watch })?.key {
            ofDirectories[directory] = nil
        } else if let file = ofFiles.first(where: { $0.value.watch.number == watch })?.key {
            ofFiles[file] = nil
        } else {
            return
        }
        add(Inotify.Event(watch: watch, events: .ignored))
    }

    func read() throws(SystemError) -> [Inotify.Event] {
        try files.called(.events, "inotify instance")
        defer { queue = [] }
        if let left = room, left < 0 { room = nil }
        return queue
    }

    func wait(or wake: EventDescriptor, milliseconds: Int?, forEvents: Bool) {
        ignoresEvents = !forEvents
        restsUntil = milliseconds.map { files.time.monotonicNanoseconds() + UInt64($0) * 1_000_000 }
    }

    // MARK: What happens

    func note(_ event: Inotify.Events, in directory: String, _ name: String, cookie: UInt32 = 0) {
        guard let watch = ofDirectories[directory], watch.events.contains(event) else { return }
        add(Inotify.Event(watch: watch.number, events: event, cookie: cookie, name: name))
    }

    func note(_ event: Inotify.Events, of node: SourceNode) {
        guard let watch = ofFiles[ObjectIdentifier(node)]?.watch, watch.events.contains(event) else { return }
        add(Inotify.Event(watch: watch.number, events: event))
    }

    func freed(_ node: SourceNode) {
        guard let watch = ofFiles.removeValue(forKey: ObjectIdentifier(node))?.watch else { return }
        add(Inotify.Event(watch: watch.number, events: .ignored))
    }

    /// An event like the last one in the queue is left out, as the kernel does it.
    private func add(_ event: Inotify.Event) {
        if let last = queue.last, last.watch == event.watch, last.events == event.events, last.cookie == event.cookie,
            last.name == event.name
        {
            return
        }
        guard let left = room else { return queue.append(event) }
        if left > 0 {
            queue.append(event)
        } else if left == 0 {
            queue.append(Inotify.Event(watch: -1, events: .overflow))
        }
        room = max(-1, left - 1)
    }
}
