import Foundation

/// The daemon's answer to the question for a watermark, from its JSON.
struct WatermarkPage {
    struct Watermark: Decodable {
        let pipelineName: String
        let lastProcessedTs: String?
        let status: String?
        let updatedAt: String?
        let from: String

        func print() {
            let lines = [
                ("pipeline_name", pipelineName), ("last_processed_ts", lastProcessedTs), ("status", status),
                ("updated_at", updatedAt), ("from", from),
            ]
            for (name, value) in lines {
                let gap = String(repeating: " ", count: 19 - name.count)
                StandardOutput.line(value.map { name + gap + Printable.text($0) } ?? name)
            }
        }
    }

    private struct Answer: Decodable {
        let watermark: Content?
    }

    private struct Obstacle: Decodable {
        let error: String
        let spool: Watermark?
    }

    private enum Content: Decodable {
        case watermark(Watermark)
        case obstacle(Obstacle)

        init(from decoder: any Decoder) throws {
            if let obstacle = try? Obstacle(from: decoder) {
                self = .obstacle(obstacle)
            } else {
                self = .watermark(try Watermark(from: decoder))
            }
        }
    }

    /// What there is to print; nil if there is nothing.
    let shown: Watermark?
    /// Why that is not certain to be the newest, in words.
    let obstacle: String?

    init(json: String) throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        switch try decoder.decode(Answer.self, from: Data(json.utf8)).watermark {
        case nil: (shown, obstacle) = (nil, nil)
        case .watermark(let watermark): (shown, obstacle) = (watermark, nil)
        case .obstacle(let found): (shown, obstacle) = (found.spool, Self.sentence(found))
        }
    }

    private static func sentence(_ obstacle: Obstacle) -> String {
        let what =
            switch obstacle.error {
            case "database_unreachable": "the database is not reachable (see 'opslogd status')"
            case "database_behind": "the database was set back, and is being filled again (see 'opslogd status')"
            case "undelivered_unknown": "the spool holds more undelivered watermarks than the daemon keeps in memory"
            default: obstacle.error
            }
        return obstacle.spool == nil
            ? "\(what); the spool has no undelivered watermark of this pipeline"
            : "\(what): this is the newest that is not delivered yet; a newer one may be in the database"
    }
}
