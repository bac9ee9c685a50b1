/// Reads the data of a time zone as it stands under `/usr/share/zoneinfo`: RFC 8536, "The Time Zone Information Format".
extension TimeZoneRules {
    /// - Parameters:
    ///   - name: how the zone is called in messages.
    ///   - bytes: the whole file.
    /// - Returns: nil if that is no such file, or one of version 1 only.
    public init?(name: String, file bytes: [UInt8]) {
        var reader = TimeZoneFileReader(bytes: bytes)
        guard let first = reader.header(), first.version >= 2, reader.skip(first.bodyLength(timeBytes: 4)),
            let header = reader.header(), let body = reader.body(header), let footer = reader.footer()
        else { return nil }
        var rule: DaylightSavingRule?
        if !footer.isEmpty {
            guard let read = PosixTimeZone(footer) else { return nil }
            rule = read.rule
        }
        self.init(name: name, transitions: body.transitions, offsets: body.offsets, rule: rule)
    }
}

private struct TimeZoneFileReader {
    let bytes: [UInt8]
    private var at = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    struct Header {
        var version = 1
        /// The counts of UT/local and standard/wall indicators, leap seconds, transitions, local time types, characters.
        var utc = 0, standard = 0, leaps = 0, times = 0, types = 0, characters = 0

        func bodyLength(timeBytes: Int) -> Int {
            times * (timeBytes + 1) + types * 6 + characters + leaps * (timeBytes + 4) + standard + utc
        }
    }

    mutating func header() -> Header? {
        guard bytes.count - at >= 44, bytes[at..<at + 4].elementsEqual("TZif".utf8) else { return nil }
        var header = Header()
        header.version = bytes[at + 4] == 0 ? 1 : Int(bytes[at + 4] &- UInt8(ascii: "0"))
        func count(_ place: Int) -> Int { Int(integer(at + 20 + place * 4, 4)) }
        header.utc = count(0)
        header.standard = count(1)
        header.leaps = count(2)
        header.times = count(3)
        header.types = count(4)
        header.characters = count(5)
        let counts = [header.utc, header.standard, header.leaps, header.times, header.types, header.characters]
        guard header.types > 0, counts.allSatisfy({ (0...100_000).contains($0) }) else { return nil }
        at += 44
        return header
    }

    mutating func skip(_ count: Int) -> Bool {
        at += count
        return at <= bytes.count
    }

    mutating func body(_ header: Header) -> (transitions: [Int64], offsets: [Int64])? {
        let start = at
        guard skip(header.bodyLength(timeBytes: 8)) else { return nil }
        let typeOf = start + header.times * 8
        let types = typeOf + header.times
        // Before the first transition it is the first type.
        var offsets = [integer(types, 4)]
        var transitions: [Int64] = []
        for place in 0..<header.times {
            let type = Int(bytes[typeOf + place])
            guard type < header.types else { return nil }
            transitions.append(integer(start + place * 8, 8) - Self.from1970To2000)
            offsets.append(integer(types + type * 6, 4))
        }
        return (transitions, offsets)
    }

    /// What stands between two line feeds at the end.
    mutating func footer() -> [UInt8]? {
        guard at < bytes.count, bytes[at] == 0x0a, let end = bytes[(at + 1)...].firstIndex(of: 0x0a) else { return nil }
        return Array(bytes[at + 1..<end])
    }

    private func integer(_ place: Int, _ length: Int) -> Int64 {
        let value = bytes[place..<place + length].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return length == 4 ? Int64(Int32(truncatingIfNeeded: value)) : Int64(bitPattern: value)
    }

    private static let from1970To2000: Int64 = 946_684_800
}
