import Glibc
import Testing

@testable import Telemetry

private func socket(_ name: String, _ path: String?, isDatagram: Bool = false) -> HandedOverSocket {
    // No descriptor is touched here.
    HandedOverSocket(name: name, descriptor: -1, path: path, isDatagram: isDatagram)
}

private func input(_ name: String, _ path: String, isDatagram: Bool = false) -> HandedOverSockets.Input {
    HandedOverSockets.Input(name: name, path: path, isDatagram: isDatagram)
}

@Suite struct HandedOverSocketsTests {
    @Test func `the path decides before the name`() {
        let first = socket("b", "/a")
        let second = socket("a", "/b")
        let found = HandedOverSockets([second, first], for: [input("a", "/a"), input("b", "/b")])
        #expect(found["a"] == first && found["b"] == second && found.unclaimed.isEmpty)
    }

    @Test func `an input whose path none has takes the one of its name`() {
        let elsewhere = socket("a", "/elsewhere")
        let nowhere = socket("b", nil)
        let found = HandedOverSockets([nowhere, elsewhere], for: [input("a", "/a"), input("b", "/b")])
        #expect(found["a"] == elsewhere && found["b"] == nowhere)
    }

    @Test func `what is another input's by its path is not taken by the name`() {
        let only = socket("a", "/b")
        let found = HandedOverSockets([only], for: [input("a", "/a"), input("b", "/b")])
        #expect(found["a"] == nil && found["b"] == only)
    }

    @Test func `of one unit's sockets, which bear one name, the one of the input's type is taken`() {
        let stream = socket("unit", "/1")
        let datagram = socket("unit", "/2", isDatagram: true)
        for order in [[stream, datagram], [datagram, stream]] {
            let lone = HandedOverSockets(order, for: [input("unit", "/x", isDatagram: true)])
            #expect(lone["unit"] == datagram && lone.unclaimed == [stream])
        }
    }

    @Test func `one of the other type is taken where there is no better one, for the input to refuse`() {
        let stream = socket("a", "/elsewhere")
        let found = HandedOverSockets([stream], for: [input("a", "/a", isDatagram: true)])
        #expect(found["a"] == stream)
        let same = HandedOverSockets([socket("x", "/a")], for: [input("a", "/a", isDatagram: true)])
        #expect(same["a"] != nil)
    }

    @Test func `what belongs to none is left over`() {
        let stray = socket("x", "/x")
        let found = HandedOverSockets([stray], for: [input("a", "/a")])
        #expect(found["a"] == nil && found.unclaimed == [stray])
    }

    @Test func `a descriptor's type is told`() throws {
        for (type, isDatagram) in [(SOCK_STREAM, false), (SOCK_DGRAM, true)] {
            let made = Glibc.socket(AF_UNIX, Int32(type.rawValue), 0)
            try #require(made >= 0)
            defer { close(made) }
            #expect(HandedOverSocket(name: "n", descriptor: made).isDatagram == isDatagram)
        }
    }
}
