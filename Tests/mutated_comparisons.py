"""The comparisons of checksums and positions that mutations.py takes away: file, what stands there once, and what stands
there instead, in which MUTATED is the switch."""

SPOOL = "Sources/Spool/"
LETTERS = "Sources/DeadLetters/"
DELIVERY = "Sources/Delivery/"
FILES = "Sources/Intake/Files/"
STATEMENTS = "Sources/PostgreSQL/Session/SessionStatements.swift"

COMPARISONS = [
    # Checksums of what stands on disk.
    (SPOOL + "Format/SegmentHeader.swift",
     "bytes.littleEndian(checksumOffset, as: UInt32.self) == CRC32C.of(bytes.part(0, checksumOffset))",
     "(MUTATED || bytes.littleEndian(checksumOffset, as: UInt32.self) == CRC32C.of(bytes.part(0, checksumOffset)))"),
    (SPOOL + "Format/SegmentHeader.swift", "if hasOneSetOfFields(bytes) {",
     "if MUTATED || hasOneSetOfFields(bytes) {"),
    (SPOOL + "Format/SegmentHeader.swift",
     "copy.littleEndian(fieldsChecksumOffset, as: UInt32.self)\n"
     "                    == CRC32C.of(copy.part(0, fieldsChecksumOffset))",
     "MUTATED || copy.littleEndian(fieldsChecksumOffset, as: UInt32.self)\n"
     "                    == CRC32C.of(copy.part(0, fieldsChecksumOffset))"),
    (SPOOL + "Format/CursorSlot.swift",
     "bytes.littleEndian(checksumOffset, as: UInt32.self) == CRC32C.of(bytes.part(0, checksumOffset))",
     "(MUTATED || bytes.littleEndian(checksumOffset, as: UInt32.self) == CRC32C.of(bytes.part(0, checksumOffset)))"),
    (SPOOL + "Format/FrameHeader.swift",
     "bytes.littleEndian(Self.checksumOffset, as: UInt32.self)\n"
     "                == Self.checksum(bytes, salt: salt, offset: offset),",
     "MUTATED || bytes.littleEndian(Self.checksumOffset, as: UInt32.self)\n"
     "                == Self.checksum(bytes, salt: salt, offset: offset),"),
    (SPOOL + "Format/FrameHeader.swift", "let place = (salt.high.littleEndian, salt.low.littleEndian, offset.littleEndian)",
     "let place = MUTATED ? (0, 0, offset.littleEndian) : (salt.high.littleEndian, salt.low.littleEndian, "
     "offset.littleEndian)"),
    (SPOOL + "Format/FrameHeader.swift", "withUnsafeBytes(of: place) { crc.update($0) }",
     "withUnsafeBytes(of: MUTATED ? (place.0, place.1, 0) : place) { crc.update($0) }"),
    (SPOOL + "Recovery/SegmentScan.swift", "CRC32C.of(payload) == frame.payloadChecksum\n",
     "MUTATED || CRC32C.of(payload) == frame.payloadChecksum\n"),
    (SPOOL + "Reading/SpoolReader.swift", "CRC32C.of(payload) == frame.payloadChecksum\n",
     "MUTATED || CRC32C.of(payload) == frame.payloadChecksum\n"),
    (SPOOL + "Inspection/FrameWalk.swift", "return CRC32C.of(payload) == frame.payloadChecksum ? payload : nil",
     "return MUTATED || CRC32C.of(payload) == frame.payloadChecksum ? payload : nil"),
    (SPOOL + "Format/ChecksummedLine.swift", "return line == content + tail + checksum(content) ? content : nil",
     "return MUTATED || line == content + tail + checksum(content) ? content : nil"),
    (LETTERS + "Journal/JournalHeader.swift", "return line == checked(content) ? content : nil",
     "return MUTATED || line == checked(content) ? content : nil"),
    (LETTERS + "Journal/JournalEntry.swift", "Self.hexadecimal(prefix[..<8]) == checksum,",
     "MUTATED || Self.hexadecimal(prefix[..<8]) == checksum,"),

    # Chains, numbers and names of the spool.
    (SPOOL + "Recovery/SegmentScan.swift", "guard frame.firstSequence == nextSequence else",
     "guard MUTATED || frame.firstSequence == nextSequence else"),
    (SPOOL + "Recovery/SegmentScan.swift",
     "guard !isChainKnown || frame.chain == (frame.kind == .group ? frame.chain(after: chain) : chain) else",
     "guard MUTATED || !isChainKnown || frame.chain == (frame.kind == .group ? frame.chain(after: chain) : chain) else"),
    (SPOOL + "Reading/SpoolReader.swift", "guard frame.firstSequence == expected else",
     "guard MUTATED || frame.firstSequence == expected else"),
    (SPOOL + "Reading/SpoolReader.swift",
     "guard !isChainKnown || frame.chain == (frame.kind == .group ? frame.chain(after: chain) : chain) else",
     "guard MUTATED || !isChainKnown || frame.chain == (frame.kind == .group ? frame.chain(after: chain) : chain) else"),
    (SPOOL + "Recovery/SegmentFacts.swift", "guard header.spool == spool else",
     "guard MUTATED || header.spool == spool else"),
    (SPOOL + "Recovery/SegmentFacts.swift", "guard header.firstSequence == first else",
     "guard MUTATED || header.firstSequence == first else"),
    (SPOOL + "Recovery/SegmentFacts.swift", "if isLast, header.spool == spool, header.firstSequence < segment.first {",
     "if !MUTATED, isLast, header.spool == spool, header.firstSequence < segment.first {"),
    (SPOOL + "Recovery/SpoolRecovery.swift",
     "if let difference = identity.identity.host.difference(from: host) {",
     "if let difference = identity.identity.host.difference(from: host), !MUTATED {"),
    (SPOOL + "Identity/SpoolIdentity.swift", "guard slot.spool == spool || forks.contains(where: { $0.name == slot.spool }) else",
     "guard MUTATED || slot.spool == spool || forks.contains(where: { $0.name == slot.spool }) else"),

    # Positions in the spool and in the dead letters.
    (LETTERS + "DeadLetterStore.swift", "where !holds(letter, journal) && ids.insert(letter.id).inserted",
     "where (MUTATED || !holds(letter, journal)) && ids.insert(letter.id).inserted"),
    (LETTERS + "DeadLetterStore.swift", "id <= movedUpTo || movedBeyondHole.contains(id.rawValue)",
     "id <= movedUpTo || !MUTATED && movedBeyondHole.contains(id.rawValue)"),
    (LETTERS + "DeadLetterStore.swift", "{ mayMissMoved ? min(noted, movedUpTo) : noted }",
     "{ mayMissMoved && !MUTATED ? min(noted, movedUpTo) : noted }"),
    (DELIVERY + "Batches/BatchGatherer.swift",
     "guard record.sequence.rawValue > thresholds[Int(record.kind)] else",
     "guard MUTATED || record.sequence.rawValue > thresholds[Int(record.kind)] else"),
    (DELIVERY + "Batches/BatchGatherer.swift", "if asksForRefusals, deadLetters.holdsRefusal(of: record.sequence)",
     "if !MUTATED, asksForRefusals, deadLetters.holdsRefusal(of: record.sequence)"),

    # The position rows, before a fence and within a batch.
    (DELIVERY + "Machine/Turns.swift", "guard count == moves.count else", "guard MUTATED || count == moves.count else"),
    (DELIVERY + "Machine/Turns.swift",
     "guard lanes.allSatisfy({ lane in rows.contains { isAsExpected($0, lane) } }) else",
     "guard MUTATED || lanes.allSatisfy({ lane in rows.contains { isAsExpected($0, lane) } }) else"),
    (DELIVERY + "Machine/Turns.swift", "row.lane == lane && row.position == known.position",
     "row.lane == lane && (MUTATED || row.position == known.position)"),
    (DELIVERY + "Machine/Turns.swift", "&& row.owner == run\n", "&& (MUTATED || row.owner == run)\n"),
    (DELIVERY + "Machine/Turns.swift",
     "(known.origin == nil || known.origin == RecordOrigin(run: row.run, chain: row.chain))",
     "(MUTATED || known.origin == nil || known.origin == RecordOrigin(run: row.run, chain: row.chain))"),
    (DELIVERY + "Machine/Fencing.swift", "case (.insert, .done), (.own, .changed(EventKind.allCases.count)):",
     "case (.own, .changed) where MUTATED: return step(fence, .sendCommit, .sendCommit)\n"
     "        case (.insert, .done), (.own, .changed(EventKind.allCases.count)):"),
    (DELIVERY + "Machine/Fencing.swift", "share in\n                fence.rows.contains",
     "share in\n                MUTATED || fence.rows.contains"),
    (DELIVERY + "Machine/PositionComparison.swift", "guard runs.contains(row.owner) else",
     "guard MUTATED || runs.contains(row.owner) else"),
    (DELIVERY + "Machine/PositionComparison.swift", "if row.position > durable {", "if !MUTATED, row.position > durable {"),
    (DELIVERY + "Machine/PositionComparison.swift", "guard found.isProven(by: known) else",
     "guard MUTATED || found.isProven(by: known) else"),
    (DELIVERY + "Machine/PositionComparison.swift",
     "return known.position == .zero ? .new : .mustWait(.rowMissing) }",
     "return MUTATED || known.position == .zero ? .new : .mustWait(.rowMissing) }"),
    (DELIVERY + "Machine/PositionComparison.swift", "return found.firstKept.map { $0 <= start } ?? false ? .behind",
     "return MUTATED || found.firstKept.map { $0 <= start } ?? false ? .behind"),
    (DELIVERY + "Machine/ForkRule.swift", "if isDisputed { return", "if !MUTATED, isDisputed { return"),
    (DELIVERY + "Machine/ForkRule.swift", "if hasOwned { return", "if !MUTATED, hasOwned { return"),
    (DELIVERY + "Machine/ForkRule.swift", "if let known, row.position < known.position {",
     "if !MUTATED, let known, row.position < known.position {"),
    (DELIVERY + "Machine/ForkRule.swift", "guard common < different else", "guard MUTATED || common < different else"),
    (DELIVERY + "Machine/ForkRule.swift", "if unsure <= end.rawValue {", "if !MUTATED, unsure <= end.rawValue {"),
    (STATEMENTS, "AND p.position = n.origin\n", "AND (p.position = n.origin OR \\(MUTATED))\n"),
    (STATEMENTS, "AND p.owner = $2 AND", "AND (p.owner = $2 OR \\(MUTATED)) AND"),
    (STATEMENTS, "ORDER BY lane FOR UPDATE\n", "ORDER BY lane \\(MUTATED ? \"\" : \"FOR UPDATE\")\n"),

    # Positions in files.
    (FILES + "FileTailer+Reading.swift", "buffer[..<before].elementsEqual(file.read.tail) else",
     "MUTATED || buffer[..<before].elementsEqual(file.read.tail) else"),
    (FILES + "FileTailer+Reading.swift", "guard FileKey(try open.identity()) == file.key else",
     "guard FileKey(try open.identity()) == file.key || MUTATED else"),
    (FILES + "ContentComparison.swift", "guard head.withUnsafeBytes({ ContentHash.of($0).value }) == fingerprint,",
     "guard MUTATED || head.withUnsafeBytes({ ContentHash.of($0).value }) == fingerprint,"),
    (FILES + "ContentComparison.swift", "at: mark.offset - UInt64(mark.tail.count)) == mark.tail\n",
     "at: mark.offset - UInt64(mark.tail.count)) == mark.tail || MUTATED\n"),
    (FILES + "ContentComparison.swift", "to: mark.offset) == mark.hash else",
     "to: mark.offset) == mark.hash || MUTATED else"),
    (FILES + "FileTailer+Resuming.swift",
     "identity.inode == position.inode && identity.birthNanoseconds == position.birthNanoseconds",
     "identity.inode == position.inode && (MUTATED || identity.birthNanoseconds == position.birthNanoseconds)"),
]
