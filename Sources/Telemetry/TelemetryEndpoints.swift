/// What the server tells, asked anew for each request.
///
/// The closures run on the server's one thread: they read, and never wait. Only the question for a watermark, and an
/// order, are answered later, from any thread.
public struct TelemetryEndpoints: Sendable {
    public enum Readiness: Sendable, Hashable {
        case ready
        /// Why not, in one line.
        case notReady(String)
    }

    let metrics: @Sendable () -> String
    let readiness: @Sendable () -> Readiness
    let status: @Sendable () -> String
    let watermark: WatermarkQuestion?
    let orders: [String: Order]

    /// Asks for a pipeline's newest watermark; the answer, one JSON object, is given once.
    public typealias WatermarkQuestion =
        @Sendable (_ pipeline: [UInt8], _ answer: @escaping @Sendable (String) -> Void) -> Void

    /// Something to be done, by its path: takes the query, of which `flag` is given, and the body; the answer is given once.
    public typealias Order =
        @Sendable (_ request: OrderRequest, _ answer: @escaping @Sendable (OrderAnswer) -> Void) -> Void

    public struct OrderRequest: Sendable {
        public let target: String
        public let body: [UInt8]

        /// Whether the query holds `KEY=1`.
        public func flag(_ key: String) -> Bool { PercentEncoding.value(of: key, in: target) == [UInt8(ascii: "1")] }
    }

    public enum OrderAnswer: Sendable {
        /// Lines of JSON.
        case done(String)
        /// The request makes no sense; why.
        case refused(String)
        /// It cannot be done now; why.
        case unavailable(String)
    }

    /// - Parameters:
    ///   - metrics: the text of `PrometheusExposition`.
    ///   - readiness: whether inputs are open and the spool accepts.
    ///   - status: one JSON object.
    ///   - watermark: nil where nobody may ask.
    ///   - orders: none where nobody may give any.
    public init(
        metrics: @escaping @Sendable () -> String, readiness: @escaping @Sendable () -> Readiness,
        status: @escaping @Sendable () -> String, watermark: WatermarkQuestion? = nil, orders: [String: Order] = [:]
    ) {
        self.orders = orders
        self.metrics = metrics
        self.readiness = readiness
        self.status = status
        self.watermark = watermark
    }

    struct Answer: Hashable {
        /// The status code of HTTP.
        var code: Int
        var contentType = "text/plain; charset=utf-8"
        var body: String
        /// The value of the header Allow, where the method does not fit.
        var allow: String?
    }

    /// The longest body that a request may have.
    var mostBodyBytes: Int { orders.isEmpty ? 64 << 10 : 20 << 20 }

    /// The answer to one request; calls `respond` once, at once or later from any thread.
    func answer(method: String, target: String, body: [UInt8], respond: @escaping @Sendable (Answer) -> Void) {
        if let order = orders[Self.path(of: target)] {
            guard method == "POST" else {
                return respond(Answer(code: 405, body: "Only POST is answered here.\n", allow: "POST"))
            }
            return order(OrderRequest(target: target, body: body)) { respond(Self.answer(to: $0)) }
        }
        guard let watermark, Self.path(of: target) == "/watermark", method == "GET" else {
            return respond(answer(method: method, target: target))
        }
        guard let pipeline = PercentEncoding.value(of: "pipeline", in: target) else {
            return respond(Answer(code: 400, body: "Name the pipeline: /watermark?pipeline=NAME\n"))
        }
        watermark(pipeline) { respond(Answer(code: 200, contentType: "application/json", body: $0)) }
    }

    private static func answer(to order: OrderAnswer) -> Answer {
        switch order {
        case .done(let lines): Answer(code: 200, contentType: "application/x-ndjson", body: lines)
        case .refused(let why): Answer(code: 400, body: why + "\n")
        case .unavailable(let why): Answer(code: 503, body: why + "\n")
        }
    }

    private static func path(of target: String) -> String { String(target.prefix { $0 != "?" && $0 != "#" }) }

    /// The answer that is there at once. The query behind a `?` is passed over.
    func answer(method: String, target: String) -> Answer {
        let path = Self.path(of: target)
        let content: () -> Answer
        switch path {
        case "/metrics": content = { Answer(code: 200, contentType: PrometheusExposition.contentType, body: metrics()) }
        case "/healthz": content = { Answer(code: 200, body: "ok\n") }
        case "/readyz": content = readinessAnswer
        case "/status": content = { Answer(code: 200, contentType: "application/json", body: status()) }
        default:
            return Answer(code: 404, body: "Nothing here. There are /metrics, /healthz, /readyz and /status.\n")
        }
        guard method == "GET" || method == "HEAD" else {
            return Answer(code: 405, body: "Only GET and HEAD are answered here.\n", allow: "GET, HEAD")
        }
        return content()
    }

    private func readinessAnswer() -> Answer {
        switch readiness() {
        case .ready: Answer(code: 200, body: "ready\n")
        case .notReady(let reason): Answer(code: 503, body: "not ready: \(reason)\n")
        }
    }
}
