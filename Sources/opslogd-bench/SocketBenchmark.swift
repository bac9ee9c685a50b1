import ArgumentParser
import Glibc
import LinuxSystem
import OperationLogsClient
import PrivatePostgreSQL
import Telemetry

struct SocketBenchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "socket",
        abstract: "Lines over one connection with acknowledgements; then many that send a line and wait for its.",
        discussion: "The database is away: what is measured ends in the spool, synced.")

    @Option(help: "Lines over the one connection.") var count = 1_000_000
    @Option(help: "Connections of the crowd.") var connections = 1000
    @Option(help: "How long the crowd goes on, in seconds.") var seconds = 10
    @Option(help: "Runs; medians count.") var runs = 3
    @Option(help: "The processor that the daemon is held to; -1: none.") var processor = 0

    func run() throws {
        let place = try BenchPlace()
        defer { place.remove() }
        try place.server.start()
        try EventFile.write(count: count, to: place.events)
        let lines = try EventFile.read(place.events)
        var rates: [Double] = []
        var sharing: [Double] = []
        for run in 1...runs {
            try place.makeFresh()
            place.server.stop()
            let daemon = try place.startDaemon(readingEvents: false, batchEvents: 20_000, processor: processor)
            try DaemonStatus.wait(place.state, seconds: 60) { $0.hasTaken(0) }
            let one = try sendOverOne(lines, place, daemon)
            let crowd = try sendFromCrowd(place, daemon)
            rates.append(one.rate)
            sharing.append(crowd.acksPerSync)
            daemon.stop()
            try place.server.start()
            print(
                "run \(run): one connection \(Figures.rounded(one.rate, 0)) lines/s, "
                    + "\(Figures.rounded(one.rate / one.load, 0)) a second of one processor; \(connections) connections "
                    + "\(Figures.rounded(crowd.rate, 0)) acks/s, \(Figures.rounded(crowd.acksPerSync, 1)) a sync, each "
                    + "after \(Figures.rounded(crowd.milliseconds, 2)) ms on average")
        }
        print(
            "socket: one connection \(Figures.rounded(Figures.median(rates), 0)) lines/s; \(connections) connections "
                + "\(Figures.rounded(Figures.median(sharing), 1)) acks a sync (medians of \(runs))")
    }

    /// - Returns: lines a second, and how many processors the daemon kept busy.
    private func sendOverOne(
        _ lines: [UInt8], _ place: BenchPlace, _ daemon: DaemonProcess
    ) throws -> (rate: Double, load: Double) {
        let clock = SystemTime()
        let before = daemon.cpuSeconds
        let start = clock.monotonicNanoseconds()
        let sender = try DurableSender(connectingTo: place.socket)
        try sender.send(lines[...])
        let outcome = try sender.finish()
        let seconds = Double(clock.monotonicNanoseconds() - start) / 1e9
        guard outcome.lines == UInt64(count), outcome.rejected == 0 else {
            throw ValidationError("\(outcome.lines) of \(count) lines are durable, \(outcome.rejected) rejected")
        }
        return (Double(count) / seconds, (daemon.cpuSeconds - before) / seconds)
    }

    private struct Crowd {
        var rate: Double
        var acksPerSync: Double
        var milliseconds: Double
    }

    /// Each connection sends a line whenever its last one is acknowledged.
    private func sendFromCrowd(_ place: BenchPlace, _ daemon: DaemonProcess) throws -> Crowd {
        ProcessLimits.setOpenFiles(connections + 100)
        let line = Array(#"{"event":"cast_errors","column_name":"volume","raw_value":"12,5"}"#.utf8) + [0x0a]
        let epoll = try Epoll()
        var members: [Descriptor] = []
        for token in 0..<connections {
            let member = try UnixSocket.connect(to: place.socket, waiting: true)
            try send(Array("{\"opslogd\":{\"ack\":true}}\n".utf8) + line, member, place.socket)
            try epoll.add(member.rawValue, .readable, token: UInt64(token))
            members.append(member)
        }
        let clock = SystemTime()
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 16)
        defer { room.deallocate() }
        let syncs = try self.syncs(place)
        let start = clock.monotonicNanoseconds()
        let end = start + UInt64(seconds) * 1_000_000_000
        var acks = 0
        var events: [Epoll.Event] = []
        while clock.monotonicNanoseconds() < end {
            events.removeAll(keepingCapacity: true)
            _ = try epoll.wait(milliseconds: 1000, appendingTo: &events)
            for event in events {
                let member = members[Int(event.token)]
                guard case .bytes = try StreamTransfer.receive(into: room, from: member, place.socket) else {
                    throw ValidationError("a connection of the crowd ended; look at \(place.log)")
                }
                acks += 1
                try send(line, member, place.socket)
            }
        }
        let took = Double(clock.monotonicNanoseconds() - start) / 1e9
        let synced = try self.syncs(place) - syncs
        return Crowd(
            rate: Double(acks) / took, acksPerSync: Double(acks) / max(synced, 1),
            milliseconds: took * 1000 * Double(connections) / Double(max(acks, 1)))
    }

    private func send(_ bytes: [UInt8], _ member: Descriptor, _ path: String) throws {
        let sent = try bytes.withUnsafeBytes { try StreamTransfer.send($0, to: member, path) }
        guard case .bytes(bytes.count) = sent else { throw ValidationError("\(path) takes nothing from the crowd") }
    }

    /// Groups that the daemon has synced.
    private func syncs(_ place: BenchPlace) throws -> Double {
        let text = try ControlSocketClient(path: place.state + "/control.sock").get("/metrics").body
        for line in text.split(separator: "\n") where line.hasPrefix("opslogd_spool_sync_seconds_count") {
            return line.split(separator: " ").last.flatMap { Double($0) } ?? 0
        }
        throw ValidationError("the daemon does not tell its syncs")
    }
}
