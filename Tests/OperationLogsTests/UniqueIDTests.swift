import OperationLogs
import Testing

struct UniqueIDTests {
    @Test func `what is written is read again, in upper case too`() {
        for _ in 0..<100 {
            let id = UniqueID.random()
            #expect(UniqueID(id.description) == id)
            #expect(UniqueID(id.description.uppercased()) == id)
        }
        let small = UniqueID(high: 0x0123_4567_89ab_cdef, low: 1)
        #expect(small.description == "01234567-89ab-cdef-0000-000000000001")
        #expect(UniqueID("01234567-89AB-cdef-0000-000000000001") == small)
    }

    @Test(arguments: [
        "", "0", "01234567-89ab-cdef-0000-00000000000", "01234567-89ab-cdef-0000-0000000000012",
        "0123456789ab-cdef-0000-000000000001-", "01234567-89ab-cdef-0000+000000000001",
        "+1234567-89ab-cdef-0000-000000000001", "01234567-89ab-cdef-0000-00000000000g",
        "0123456789abcdef0000000000000001",
    ])
    func `what is no such name is refused`(_ text: String) {
        #expect(UniqueID(text) == nil)
    }
}
