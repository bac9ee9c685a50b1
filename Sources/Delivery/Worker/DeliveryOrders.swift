import Synchronization

/// What operators order of the running delivery, on its way to delivery's thread. Safe from any thread.
public final class DeliveryOrders: Sendable {
    public typealias Answer = @Sendable (OrderOutcome) -> Void

    private struct State {
        var waiting: [(order: DeliveryOrder, answer: Answer)] = []
        /// Of the one that a comparison decides.
        var undecided: Answer?
        var wake: (@Sendable () -> Void)?
        var isClosed = false
    }

    private let state = Mutex(State())

    package init() {}

    /// Gives an order. `answer` is called once, from one of delivery's threads and between two of its steps – so it must not
    /// ask for delivery's status –, or at once if they have ended.
    public func give(_ order: DeliveryOrder, _ answer: @escaping Answer) {
        let wake = state.withLock { state -> (@Sendable () -> Void)? in
            guard !state.isClosed else { return nil }
            state.waiting.append((order, answer))
            return state.wake ?? {}
        }
        guard let wake else { return answer(Self.ended) }
        wake()
    }

    private static let ended = OrderOutcome.notNow("delivery has ended; start opslogd again")

    // MARK: Delivery's side

    package var areWaiting: Bool { state.withLock { !$0.waiting.isEmpty } }

    func onArrival(_ wake: @escaping @Sendable () -> Void) { state.withLock { $0.wake = wake } }

    /// Takes the first one that `isDue`.
    func next(_ isDue: (DeliveryOrder) -> Bool) -> (order: DeliveryOrder, answer: Answer)? {
        state.withLock { state in
            state.waiting.firstIndex { isDue($0.order) }.map { state.waiting.remove(at: $0) }
        }
    }

    /// Whether somebody waits for what a comparison decides.
    var isOneUndecided: Bool { state.withLock { $0.undecided != nil } }

    /// Keeps who asked until a comparison has decided.
    func keep(_ answer: @escaping Answer) { state.withLock { $0.undecided = answer } }

    /// Answers the one that a comparison has decided.
    func answer(_ outcome: OrderOutcome) {
        let answer = state.withLock { state in
            defer { state.undecided = nil }
            return state.undecided
        }
        answer?(outcome)
    }

    /// No order is followed any more.
    func close() {
        let left = state.withLock { state in
            state.isClosed = true
            defer { (state.waiting, state.undecided) = ([], nil) }
            return state.waiting.map(\.answer) + (state.undecided.map { [$0] } ?? [])
        }
        for answer in left { answer(Self.ended) }
    }
}

extension DeliveryEngine {
    /// Between two steps: follows what was ordered, and ends a pause for it.
    func takeOrders() {
        let orders = coordinator.orders
        // It was taken at the last pause, and no comparison has come about.
        if isFirst, isPaused, orders.isOneUndecided { coordinator.giveUpOrder() }
        while orders.areWaiting, let (order, answer) = orders.next(isDue) {
            if case .acceptGap = order { orders.keep(answer) }
            if let outcome = coordinator.take(order) {
                if case .acceptGap = order { orders.answer(outcome) } else { answer(outcome) }
                guard outcome.letsGoOn else { continue }
            }
            if isPaused { take(.woke) }
        }
    }

    /// Nothing is under way: a word can have the machine go on.
    private var isPaused: Bool {
        switch action {
        case .wait, .idle: true
        default: false
        }
    }

    /// What the next comparison decides is taken where that comes next.
    private func isDue(_ order: DeliveryOrder) -> Bool {
        switch order {
        case .release: true
        // The first connection compares.
        case .compare: isFirst
        case .acceptGap: isFirst && (isPaused || !coordinator.hasFoundGap)
        }
    }
}

extension OrderOutcome {
    /// Whether there is something to do now.
    fileprivate var letsGoOn: Bool {
        switch self {
        case .released, .comparing: true
        case .accepted, .otherGap, .notHeld, .notNow: false
        }
    }
}
