/// Whether an input may take lines. Safe from any thread.
public protocol IntakeGate: AnyObject, Sendable {
    /// Whether it must not read more now.
    var isClosed: Bool { get }
    /// Calls `wake` whenever it may again.
    func onOpen(_ wake: @escaping @Sendable () -> Void)
}
