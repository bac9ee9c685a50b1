import OperationLogs
import Testing

@testable import Intake

/// The bytes of a position.
@Suite struct JournalPositionTests {
    private static let place = JournalPlace(
        cursor: "s=4a;i=1f;b=00;m=1;t=2;x=3",
        moment: JournalMoment(boot: UniqueID(high: 1, low: 2), monotonic: 3, realtime: 4), ordinal: 5)

    private static let positions = [
        JournalPosition(seen: nil), JournalPosition(seen: place), JournalPosition(seen: nil, passedUntil: 1 << 60),
        JournalPosition(seen: place, unfinished: [.init(stream: [7], begin: place)], passedUntil: 9),
        JournalPosition(
            seen: place,
            unfinished: (0..<16).map { .init(stream: [UInt8](repeating: UInt8($0), count: $0 * 4), begin: place) }),
    ]

    @Test(arguments: positions)
    func `what is written is read`(_ position: JournalPosition) {
        #expect(JournalPosition(position.encoded) == position)
    }

    @Test(arguments: positions)
    func `no part of it and nothing longer is a position, and no changed byte traps`(_ position: JournalPosition) {
        let bytes = position.encoded
        for count in 0..<bytes.count { #expect(JournalPosition(Array(bytes[..<count])) == nil) }
        #expect(JournalPosition(bytes + [0]) == nil)
        for index in bytes.indices {
            for bit in 0..<8 {
                var changed = bytes
                changed[index] ^= 1 << UInt8(bit)
                if let other = JournalPosition(changed) { #expect(other.encoded == changed) }
            }
        }
    }

    @Test func `the bytes are those that are written down`() {
        let bytes = JournalPosition(seen: Self.place).encoded
        #expect(bytes[..<3] == [1, 1, 0])
        #expect(bytes[3..<11] == [1, 0, 0, 0, 0, 0, 0, 0] && bytes[19] == 3 && bytes[27] == 4 && bytes[35] == 5)
        #expect(bytes[39..<41] == [26, 0] && bytes[41...].elementsEqual(Self.place.cursor.utf8))
    }

    @Test func `what is passed over stands in front of the entry`() {
        let bytes = JournalPosition(seen: Self.place, passedUntil: 0x0102).encoded
        #expect(bytes[..<11] == [1, 3, 0, 2, 1, 0, 0, 0, 0, 0, 0])
        #expect(bytes[11...].elementsEqual(JournalPosition(seen: Self.place).encoded[3...]))
    }

    @Test func `a key is of one kind of input only`() {
        let key = JournalPositionKey.key(input: "units")
        let readers = InputPositionReaders([
            FilePositionReader(inputs: ["a"]), JournalPositionReader(inputs: ["units"]),
        ])
        #expect(readers.inputs == ["a", "units"])
        #expect(readers.input(of: key) == "units" && JournalPositionKey.input(key) == "units")
        #expect(FilePositionKey.input(key) == nil && !RereadingProgress.isKey(key))
        let file = FilePositionKey.new(input: "a", id: UniqueID(high: 1, low: 2))
        #expect(readers.input(of: file) == "a" && JournalPositionKey.input(file) == nil)
        #expect(readers.input(of: FilePositionKey.mark(input: "a")) == nil)
    }

    @Test func `cursors tell how many entries lie between, within one numbering`() {
        func place(_ cursor: String) -> JournalPlace {
            JournalPlace(cursor: cursor, moment: Self.place.moment, ordinal: 1)
        }
        #expect(place("s=a;i=20").entries(since: place("s=a;i=1f")) == 0)
        #expect(place("s=a;i=ff;b=1").entries(since: place("s=a;i=1")) == 253)
        #expect(place("s=b;i=ff").entries(since: place("s=a;i=1")) == nil)
        #expect(place("s=a;i=1").entries(since: place("s=a;i=1")) == nil)
        for text in ["", "i=1", "s=a", "s=a;i=", "s=a;i=zz", "s=a;i=fffffffffffffffff", ";;=;s=;"] {
            #expect(place("s=a;i=20").entries(since: place(text)) == nil)
        }
    }
}
