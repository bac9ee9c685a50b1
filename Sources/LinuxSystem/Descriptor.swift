import Glibc

/// An open file descriptor that is closed when the last reference to it goes.
public final class Descriptor: Sendable {
    public let rawValue: Int32

    /// Takes the descriptor over.
    public init(owning rawValue: Int32) {
        self.rawValue = rawValue
    }

    deinit {
        close(rawValue)
    }
}

/// Runs a system call again for as long as a signal interrupts it; nil is its failure, errno says which.
@inlinable
public func retryingInterrupts<Result: FixedWidthInteger & SignedInteger>(_ call: () -> Result) -> Result? {
    while true {
        let result = call()
        if result >= 0 { return result }
        if errno != EINTR { return nil }
    }
}
