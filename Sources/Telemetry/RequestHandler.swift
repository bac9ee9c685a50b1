import NIOCore
import NIOHTTP1

/// One connection: answers requests one after the other, and ends it when the time for one is over.
///
/// A request must have come whole, and its answer gone, within the deadline that begins with the connection or the last
/// answer: that bounds idle, dripping and never reading peers alike.
final class RequestHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let endpoints: TelemetryEndpoints
    private let deadline: TimeAmount
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    private var timer: Scheduled<Void>?

    init(_ endpoints: TelemetryEndpoints, deadline: TimeAmount) {
        self.endpoints = endpoints
        self.deadline = deadline
    }

    func channelActive(context: ChannelHandlerContext) {
        startTimer(context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = []
        case .body(let bytes):
            guard body.count + bytes.readableBytes <= endpoints.mostBodyBytes else {
                return context.close(promise: nil)
            }
            body += bytes.readableBytesView
        case .end:
            if let head { respond(to: head, context) }
            head = nil
            body = []
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func respond(to request: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let loop = context.eventLoop
        let place = NIOLoopBound((handler: self, context: context), eventLoop: loop)
        endpoints.answer(method: request.method.rawValue, target: request.uri, body: body) { answer in
            if loop.inEventLoop {
                place.value.handler.write(answer, to: request, place.value.context)
            } else {
                loop.execute { place.value.handler.write(answer, to: request, place.value.context) }
            }
        }
    }

    private func write(
        _ answer: TelemetryEndpoints.Answer, to request: HTTPRequestHead, _ context: ChannelHandlerContext
    ) {
        guard context.channel.isActive else { return }
        var head = HTTPResponseHead(version: request.version, status: HTTPResponseStatus(statusCode: answer.code))
        head.headers.add(name: "Content-Type", value: answer.contentType)
        head.headers.add(name: "Content-Length", value: "\(answer.body.utf8.count)")
        head.headers.add(name: "Cache-Control", value: "no-store")
        head.headers.add(name: "X-Content-Type-Options", value: "nosniff")
        if let allow = answer.allow { head.headers.add(name: "Allow", value: allow) }
        let keeps = request.isKeepAlive
        if !keeps { head.headers.add(name: "Connection", value: "close") }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if request.method != .HEAD {
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: answer.body)))), promise: nil)
        }
        let place = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in
            let (handler, context) = place.value
            if keeps { handler.startTimer(context) } else { context.close(promise: nil) }
        }
    }

    private func startTimer(_ context: ChannelHandlerContext) {
        timer?.cancel()
        let channel = context.channel
        timer = context.eventLoop.scheduleTask(in: deadline) { channel.close(promise: nil) }
    }
}
