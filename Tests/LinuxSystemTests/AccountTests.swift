import Glibc
import LinuxSystem
import Testing

@Suite struct AccountTests {
    @Test func `names are looked up`() throws {
        #expect(try Account.userID("root") == 0)
        #expect(try Account.groupID("root") == 0)
    }

    @Test(arguments: ["no-such-name", "", "12x", "-1", "4294967295", "4294967296", "1 "])
    func `what nobody is called is nobody`(_ name: String) throws {
        #expect(try Account.userID(name) == nil)
        #expect(try Account.groupID(name) == nil)
    }

    @Test func `a number that is nobody's name is an id`() throws {
        #expect(try Account.userID("54321") == 54321)
        #expect(try Account.groupID("0") == 0)
    }
}
