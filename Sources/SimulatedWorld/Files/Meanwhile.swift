/// What happens in the middle of what the daemon does: at one of the next calls of its file system.
final class Meanwhile {
    private var event: (calls: Int, body: () -> Void)?

    /// `body` happens right before the call after so many others. What was to happen before happens now.
    func plan(after calls: Int, _ body: @escaping () -> Void) {
        happen()
        event = (calls, body)
    }

    func happen() {
        guard let now = event else { return }
        event = nil
        now.body()
    }

    /// The daemon makes a call.
    func called() {
        guard let planned = event else { return }
        if planned.calls <= 0 { happen() } else { event?.calls -= 1 }
    }
}
