import Testing

@testable import SystemJournal

@Suite struct OwnUnitTests {
    @Test(arguments: [
        ("0::/system.slice/opslogd.service", "opslogd.service"),
        ("0::/system.slice/system-opslogd.slice/opslogd@a.service/sub", "opslogd@a.service"),
        ("1:name=systemd:/system.slice/opslogd.service", "opslogd.service"),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/a.service", "user@1000.service"),
        ("0::/system.slice/_cpu.service", "cpu.service"),
        ("0::/user.slice/user-0.slice/session-1.scope", nil), ("0::/", nil), ("", nil), ("0::", nil), ("a:b", nil),
        ("4:memory:/system.slice/opslogd.service", nil),
    ])
    func `the unit is the first that is no slice`(_ line: String, _ unit: String?) {
        #expect(OwnUnit.service(inGroup: line) == unit)
    }
}
