import Delivery
import Glibc
import PostgreSQL
import PrivatePostgreSQL
import Testing

/// A standby that is promoted.
struct PromotionTests {
    @Test func `a server that was just promoted says so at once, before its first checkpoint`() throws {
        let pair = try StandbyPair()
        let session = try LibpqSession(conninfo: pair.standby.server.conninfo)
        let before = try session.connect()
        #expect(before.isInRecovery && before.timeline == 1)
        try TestDatabase.run(
            "SELECT pg_promote()",
            conninfo: pair.standby.server.conninfo)
        let after = try session.connect()
        #expect(!after.isInRecovery && after.timeline == 2)
        #expect(after.systemIdentifier == before.systemIdentifier)
    }
}
