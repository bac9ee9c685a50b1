/// What the server tells, asked anew for each request.
///
/// The closures run on the server's one thread: they read, and never wait. Only the question for a watermark is answered
/// later, from any thread.
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

    /// Asks for a pipeline's newest watermark; the answer, one JSON object, is given once.
    public typealias WatermarkQuestion =
        @Sendable (_ pipeline: [UInt8], _ answer: @escaping @Sendable (String) -> Void) -> Void

    /// - Parameters:
    ///   - metrics: the text of `PrometheusExposition`.
    ///   - readiness: whether inputs are open and the spool accepts.
    ///   - status: one JSON object.
    ///   - watermark: nil where nobody may ask.
    public init(
        metrics: @escaping @Sendable () -> String, readiness: @escaping @Sendable () -> Readiness,
        status: @escaping @Sendable () -> String, watermark: WatermarkQuestion? = nil
    ) {
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

    /// The answer to one request; calls `respond` once, at once or later from any thread.
    func answer(method: String, target: String, respond: @escaping @Sendable (Answer) -> Void) {
        guard let watermark, Self.path(of: target) == "/watermark", method == "GET" else {
            return respond(answer(method: method, target: target))
        }
        guard let pipeline = PercentEncoding.value(of: "pipeline", in: target) else {
            return respond(Answer(code: 400, body: "Name the pipeline: /watermark?pipeline=NAME\n"))
        }
        watermark(pipeline) { respond(Answer(code: 200, contentType: "application/json", body: $0)) }
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
