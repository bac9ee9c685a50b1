import ArgumentParser
import Foundation
import OperationLogs
import Spool

struct SpoolCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "spool",
        abstract: "The spool: looked at, and settled by the operator's word.",
        subcommands: [
            SpoolListCommand.self, SpoolCatCommand.self, SpoolVerifyCommand.self, SpoolAdoptCommand.self,
            SpoolDiscardCommand.self, SpoolAcceptGapCommand.self, SpoolRereadCommand.self,
        ])
}

struct SpoolListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "ls", abstract: "The segments, oldest first.")

    @OptionGroup var configuration: ConfigurationOption
    @Flag(help: "One JSON object a line.") var json = false

    func run() throws {
        let segments = try StateFiles(configuration).spool().segments()
        var table = TextTable(["SEGMENT", "FIRST", "LAST", "USED", "MADE", "STATE"], rightAligned: [1, 2, 3])
        for segment in segments {
            let isEmpty = segment.lastSequence < segment.firstSequence
            if json {
                var object = JSONObjectWriter()
                object.add("name", text: segment.name)
                object.add("first_sequence", raw: "\(segment.firstSequence.rawValue)")
                object.add("last_sequence", raw: isEmpty ? "null" : "\(segment.lastSequence.rawValue)")
                object.add("bytes", raw: "\(segment.bytes)")
                object.add("used_bytes", raw: "\(segment.usedBytes)")
                object.add("made", text: segment.made.rfc3339)
                object.add("sealed", raw: "\(segment.isSealed)")
                object.add("delivered", raw: "\(segment.isDelivered)")
                StandardOutput.line(object.text)
            } else {
                table.add([
                    segment.name, "\(segment.firstSequence.rawValue)",
                    isEmpty ? "–" : "\(segment.lastSequence.rawValue)",
                    Printable.bytes(segment.usedBytes), String(segment.made.rfc3339.prefix(19)),
                    (segment.isSealed ? "sealed" : "open") + (segment.isDelivered ? ", delivered" : ""),
                ])
            }
        }
        if !json { table.print() }
    }
}

struct SpoolCatCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cat", abstract: "Undelivered events as NDJSON, with sequence, time of receipt and source.",
        discussion: "Rejected lines that are not moved yet appear with the key rejected in place of an event's keys.")

    @OptionGroup var configuration: ConfigurationOption
    @Flag(help: "Also delivered ones that are still kept.") var all = false

    func run() throws {
        let spool = try StateFiles(configuration).spool()
        let cursor = try spool.cursor()
        let progress = Progress(
            all: all, settled: cursor?.settled ?? .zero, moved: cursor?.moved ?? .zero, lanes: cursor?.lanes ?? [])
        var output: [UInt8] = []
        try spool.forEachGroup(from: all ? SequenceNumber(1) : spool.firstUndelivered()) { group in
            try group.forEachChunk { chunk in
                let originators = try chunk.originators()
                try chunk.forEachRecord { record in
                    guard progress.wants(record), Int(record.originator) < originators.count else { return }
                    try append(record, originators[Int(record.originator)], to: &output)
                }
            }
            StandardOutput.write(output)
            output.removeAll(keepingCapacity: true)
            return true
        }
    }

    /// Which records have no fate yet, as far as the cursor says.
    private struct Progress {
        let all: Bool
        let settled: SequenceNumber
        let moved: SequenceNumber
        let lanes: [LanePosition]

        func wants(_ record: RecordView) -> Bool {
            guard !all else { return true }
            guard let kind = EventKind(rawValue: record.kind) else { return record.sequence > moved }
            let position = lanes.first { $0.lane == kind }?.position ?? .zero
            return record.sequence > max(settled, position)
        }
    }

    private func append(_ record: RecordView, _ originator: RecordOriginator, to output: inout [UInt8]) throws {
        var source = JSONObjectWriter()
        source.add("input", text: originator.input)
        source.add("path", text: originator.path)
        source.add("offset", raw: "\(record.offset)")
        source.add("uid", raw: originator.uid.map { "\($0)" } ?? "null")
        source.add("pid", raw: originator.pid.map { "\($0)" } ?? "null")
        var front = JSONObjectWriter()
        front.add("sequence", raw: "\(record.sequence.rawValue)")
        front.add("received", text: record.received.rfc3339)
        front.add("source", raw: source.text)
        if let tuple = try EventTuple(record) {
            tuple.appendLine(to: &output, after: front)
        } else if let note = try RetryNote(record) {
            var retried = JSONObjectWriter()
            retried.add("dead_letter", text: note.letter.description)
            retried.add("as", raw: "\(note.successor.rawValue)")
            front.add("retried", raw: retried.text)
            output += front.text.utf8
        } else {
            let rejected = try RejectedLine(record.payload)
            var rejection = JSONObjectWriter()
            rejection.add("reason", text: rejected.reason.name)
            rejection.add("detail", text: rejected.detail)
            front.add("rejected", raw: rejection.text)
            output += front.text.utf8
        }
        output.append(0x0a)
    }
}

struct SpoolVerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Checks every checksum and the chain over all groups; 1 if something is damaged.")

    @OptionGroup var configuration: ConfigurationOption

    func run() throws {
        let found = try StateFiles(configuration).spool().verify()
        for finding in found.findings {
            let range = finding.firstSequence.map { first in
                ", records \(first.rawValue) to \(finding.lastSequence?.rawValue ?? first.rawValue)"
            }
            StandardOutput.line("\(finding.path):\(finding.offset): \(Printable.text(finding.what))\(range ?? "")")
        }
        for accepted in found.acceptedGaps {
            for gap in accepted.gaps {
                StandardOutput.line(
                    "\(gap.lane.name): records \(gap.first.rawValue) to \(gap.last.rawValue) were given up at "
                        + "\(Printable.text(accepted.time)), since a restored database lacked them")
            }
        }
        StandardOutput.line(
            "\(found.segments) segments, \(Printable.bytes(found.bytes)), records \(found.firstSequence.rawValue) to "
                + "\(found.lastSequence.rawValue): \(found.isWhole ? "whole" : "damaged")")
        if !found.isWhole { throw ExitCode(ExitStatus.notSo.rawValue) }
    }
}
