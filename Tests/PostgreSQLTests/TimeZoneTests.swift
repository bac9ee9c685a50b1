import Foundation
import Testing

@testable import OperationLogs

/// A legacy job writes the time of the clock on its wall. Read in its zone it is what PostgreSQL makes of the same text.
struct TimeZoneTests {
    private static let directory = "/usr/share/zoneinfo"

    private static func rules(_ name: String) throws -> TimeZoneRules {
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(directory)/\(name)")))
        return try #require(TimeZoneRules(name: name, file: bytes), "\(name)")
    }

    /// Around each change of the offset, and anywhere in 270 years.
    private static func locals(_ rules: TimeZoneRules) -> [Int64] {
        var random = SplitMix64(seed: UInt64(rules.transitions.count))
        let changes = rules.transitions.filter { $0 > -5_000_000_000 }
        let chosen: [Int64] = changes.shuffled(using: &random).prefix(25) + changes.suffix(4)
        var locals: [Int64] = []
        for change in chosen {
            for hours: Int64 in [-15, -10, -5, -4, 0, 1, 2, 3, 9, 14] {
                let local: Int64 = change + hours * 3600
                locals += [local - 1, local, local + 1799, local + 3600]
            }
        }
        // The last years are told by a rule alone.
        for _ in 0..<60 { locals.append(Int64.random(in: -4_700_000_000...3_700_000_000, using: &random)) }
        return locals
    }

    private static func text(_ local: Int64) -> String {
        String(Timestamp(microseconds: local * 1_000_000).rfc3339.prefix(19))
    }

    @Test func `every zone is read as PostgreSQL reads it, with the hours that are left out and that come twice`()
        throws
    {
        let database = try TestDatabase(empty: true)
        let names = try database.run("SELECT name FROM pg_timezone_names WHERE name !~ '^(posix|right)/' ORDER BY 1")
            .compactMap { $0.first ?? nil }
        #expect(names.count > 300)
        var compared = 0
        for name in names where name != "localtime" && name != "Factory" {
            let rules = try Self.rules(name)
            let locals = Self.locals(rules)
            let list = locals.map { "'\(Self.text($0))'" }.joined(separator: ",")
            let answers = try database.run(
                "SET TimeZone = '\(name)'; SELECT extract(epoch FROM t::timestamptz)::bigint - 946684800"
                    + " FROM unnest(ARRAY[\(list)]) WITH ORDINALITY AS u(t, n) ORDER BY n")
            for (local, answer) in zip(locals, answers) {
                let read = Self.text(local).withUTF8Copy { RFC3339Time.microseconds($0, $1, localTo: rules) }
                compared += 1
                let expected = answer.first.flatMap { $0.flatMap(Int64.init) }
                if read != expected.map({ $0 * 1_000_000 }) {
                    Issue.record("\(name): \(Self.text(local)) is \(read ?? 0), PostgreSQL says \(expected ?? 0) s")
                }
            }
        }
        #expect(compared > 100_000)
    }
}

extension String {
    fileprivate func withUTF8Copy<Result>(_ body: (UnsafePointer<UInt8>, Int) -> Result?) -> Result? {
        Array(utf8).withUnsafeBufferPointer { bytes in bytes.baseAddress.flatMap { body($0, bytes.count) } }
    }
}
