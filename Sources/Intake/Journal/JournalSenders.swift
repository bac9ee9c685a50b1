import OperationLogs

/// The senders of one open chunk, each with its index there. Many lines of one come in a row.
struct JournalSenders {
    private var ticket: UInt64 = 0
    private var indices: [JournalSender: UInt16] = [:]
    private var last: (sender: JournalSender, index: UInt16)?
    private var lastUnit: [UInt8] = []

    /// The sender of the line before, if this one has the same: nothing is made for it then.
    func latest(unit: UnsafeRawBufferPointer, uid: UInt32?, pid: UInt32?) -> JournalSender? {
        guard let last, last.sender.uid == uid, last.sender.pid == pid, last.sender.unit != nil,
            unit.isSame(as: lastUnit)
        else { return nil }
        return last.sender
    }

    mutating func index(of sender: JournalSender, input: String, in window: ChunkWindow) -> UInt16 {
        if ticket == window.openTicket, let last, last.sender == sender { return last.index }
        if ticket != window.openTicket {
            ticket = window.openTicket
            indices.removeAll(keepingCapacity: true)
        }
        let index =
            indices[sender]
            ?? window.builder.add(
                RecordOriginator(kind: .journal, input: input, path: sender.unit, uid: sender.uid, pid: sender.pid))
        indices[sender] = index
        if last?.sender.unit != sender.unit { lastUnit = Array((sender.unit ?? "").utf8) }
        last = (sender, index)
        return index
    }
}
