import Delivery
import LinuxSystem
import OperationLogs
import PostgreSQL
import Testing

struct PositionTests {
    private static let spool = UniqueID.random()
    private static let run = UniqueID.random()
    private static let owner = UniqueID.random()

    private static func move(_ lane: EventKind, _ from: UInt64, _ to: UInt64, chain: UInt64 = 7) -> PositionMove {
        PositionMove(
            lane: lane, from: SequenceNumber(from), to: SequenceNumber(to), origin: RecordOrigin(run: run, chain: chain)
        )
    }

    @Test func `positions are made at 0, once, and are read in the order of lanes`() throws {
        let database = try TestDatabase()
        let session = try database.session()
        try session.begin()
        #expect(try session.lockPositions(spool: Self.spool, lanes: EventKind.allCases) == [])
        try session.insertPositions(
            spool: Self.spool, lanes: [.backupLogs, .castErrors], host: "høst", owner: Self.owner)
        try session.insertPositions(
            spool: Self.spool, lanes: [.castErrors, .dataQualityErrors], host: "other", owner: Self.run)
        try session.commit()

        try session.begin()
        let rows = try session.lockPositions(spool: Self.spool, lanes: EventKind.allCases.reversed())
        #expect(rows.map(\.lane) == [.dataQualityErrors, .castErrors, .backupLogs])
        #expect(rows.map(\.owner) == [Self.run, Self.owner, Self.owner])
        #expect(rows.allSatisfy { $0.position == .zero && $0.run == .zero && $0.chain == 0 })
        #expect(try session.lockPositions(spool: .random(), lanes: EventKind.allCases) == [])
        try session.rollback()
        let hosts = try database.run("SELECT DISTINCT host FROM operation_logs.spool_positions ORDER BY host")
        #expect(hosts == [["høst"], ["other"]])
    }

    @Test func `a lane moves only from the position and owner given`() throws {
        let database = try TestDatabase()
        let session = try database.session()
        let lanes: [EventKind] = [.castErrors, .backupLogs]
        try session.begin()
        try session.insertPositions(spool: Self.spool, lanes: lanes, host: "h", owner: Self.owner)
        #expect(
            try session.move(
                spool: Self.spool, owner: Self.owner,
                [Self.move(.castErrors, 0, 5), Self.move(.backupLogs, 0, UInt64.max, chain: UInt64.max - 1)]) == 2)
        #expect(try session.move(spool: Self.spool, owner: Self.run, [Self.move(.castErrors, 5, 6)]) == 0)
        #expect(try session.move(spool: Self.spool, owner: Self.owner, [Self.move(.castErrors, 4, 6)]) == 0)
        #expect(try session.move(spool: .random(), owner: Self.owner, [Self.move(.castErrors, 5, 6)]) == 0)
        #expect(try session.move(spool: Self.spool, owner: Self.owner, []) == 0)
        try session.commit()

        try session.begin()
        #expect(
            try session.lockPositions(spool: Self.spool, lanes: lanes) == [
                PositionRow(
                    lane: .castErrors, position: SequenceNumber(5), run: Self.run, chain: 7, owner: Self.owner),
                PositionRow(
                    lane: .backupLogs, position: SequenceNumber(UInt64.max), run: Self.run, chain: UInt64.max - 1,
                    owner: Self.owner),
            ])
        #expect(try session.takeOwnership(spool: Self.spool, lanes: lanes, owner: Self.run) == 2)
        #expect(try session.move(spool: Self.spool, owner: Self.run, [Self.move(.castErrors, 5, 6)]) == 1)
        try session.rollback()
    }

    @Test func `what is rolled back has not happened`() throws {
        let database = try TestDatabase()
        let session = try database.session()
        try session.begin()
        try session.insertPositions(spool: Self.spool, lanes: [.castErrors], host: "h", owner: Self.owner)
        try session.copy(.castErrors, Tuples.castErrors(3))
        try session.rollback()
        #expect(try database.count("cast_errors") == 0)
        #expect(try database.count("spool_positions") == 0)
    }

    @Test func `a row that another session holds is 55P03 after the lock timeout`() throws {
        let database = try TestDatabase()
        let holder = try database.session()
        try holder.begin()
        try holder.insertPositions(spool: Self.spool, lanes: [.castErrors], host: "h", owner: Self.owner)
        try holder.commit()
        try holder.begin()
        _ = try holder.lockPositions(spool: Self.spool, lanes: [.castErrors])

        let second = try database.session(limits: ConnectionLimits(lockMilliseconds: 50))
        try second.begin()
        let error = try serverError { _ = try second.lockPositions(spool: Self.spool, lanes: [.castErrors]) }
        #expect(error.sqlstate == "55P03")
        try second.rollback()
        try holder.rollback()
        try second.begin()
        #expect(try second.lockPositions(spool: Self.spool, lanes: [.castErrors]).count == 1)
        try second.rollback()
    }
}
