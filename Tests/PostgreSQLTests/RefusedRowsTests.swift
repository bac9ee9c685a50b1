import Delivery
import OperationLogs
import Testing

/// Rows that a real server refuses, and tables that refuse most of theirs, through delivery as a whole.
struct RefusedRowsTests {
    private static func line(_ number: Int) -> String {
        #"{"event":"cast_errors","symbol":"\#(number)","column_name":"a"}"#
    }
    private static func other(_ number: Int) -> String {
        #"{"event":"backup_logs","backup_type":"\#(number)","status":"s"}"#
    }

    private static let numbers = "SELECT symbol::int FROM operation_logs.cast_errors ORDER BY error_id"

    @Test(arguments: [
        "ALTER TABLE operation_logs.cast_errors ADD CONSTRAINT c CHECK (symbol::int % 50 <> 7)",
        RaisedState.trigger("IF NEW.symbol::int % 50 = 7 THEN RAISE EXCEPTION 'no' USING ERRCODE = '42P01'; END IF"),
        // Without a row's number in its context: the row is found by halves.
        """
        CREATE TABLE public.symbols AS SELECT n::text AS symbol FROM generate_series(1, 1000) AS n WHERE n % 50 <> 7;
        ALTER TABLE public.symbols ADD PRIMARY KEY (symbol);
        ALTER TABLE operation_logs.cast_errors ADD FOREIGN KEY (symbol) REFERENCES public.symbols
            DEFERRABLE INITIALLY DEFERRED
        """,
    ])
    func `each refused row becomes a dead letter, and the rows around it arrive in their order`(_ fault: String) throws
    {
        let rig = try DeliveryRig()
        defer { rig.stop() }
        try rig.database.run(fault)
        rig.append((1...1000).map(Self.line))
        try rig.awaitFate(of: 1000)
        let bad = (1...1000).filter { $0 % 50 == 7 }
        #expect(rig.refused == bad)
        #expect(
            try rig.database.run(Self.numbers) == (1...1000).filter { $0 % 50 != 7 }.map { ["\($0)"] })
    }

    @Test(arguments: [
        (
            "ALTER TABLE operation_logs.cast_errors ADD CONSTRAINT c CHECK (symbol = '')",
            "ALTER TABLE operation_logs.cast_errors DROP CONSTRAINT c", "23514"
        ),
        (
            RaisedState.trigger("RAISE EXCEPTION 'no' USING ERRCODE = 'ZZ001'"),
            "DROP TRIGGER act ON operation_logs.cast_errors", "ZZ001"
        ),
    ])
    func `a table that refuses every row is held, the others go on, and so does it when it is mended`(
        _ fault: (make: String, mend: String, state: String)
    ) throws {
        let rig = try DeliveryRig()
        defer { rig.stop() }
        try rig.database.run(fault.make)
        rig.append((1...200).map { $0.isMultiple(of: 2) ? Self.line($0) : Self.other($0) })
        try rig.wait("held") { status in
            status.lanes.contains { $0.lane == .castErrors && $0.heldBecause?.contains("of the last 20 rows") == true }
        }
        let held = rig.status.lanes.first { $0.lane == .castErrors }?.heldBecause ?? ""
        #expect(held.contains("SQLSTATE \(fault.state)"), "\(held)")
        #expect(rig.refused.count == 19)
        #expect(try rig.database.count("backup_logs") == 100)
        #expect(try rig.database.count("cast_errors") == 0)
        try rig.database.run(fault.mend)
        try rig.awaitFate(of: 200)
        #expect(rig.refused.count == 19)
        #expect(try rig.database.count("cast_errors") == 81)
    }
}
