import Synchronization

/// The instruments of one daemon under their public names: what `/metrics` shows.
///
/// Asking twice for one name and labels gives the same instrument. Asking is not for the path of a line: a stage asks
/// when it starts, and keeps what it got.
public final class Registry: Sendable {
    public typealias Labels = [(name: String, value: String)]

    public enum Reading: Sendable {
        case counter(UInt64)
        case gauge(Double)
        case histogram(bounds: [Double], Histogram.Reading)
    }

    public struct Series: Sendable {
        public let labels: Labels
        public let reading: Reading
    }

    /// All series of one name.
    public struct Family: Sendable {
        public let name: String
        public let help: String
        public let series: [Series]
    }

    private enum Instrument {
        case counter(Counter)
        case gauge(Gauge)
        case histogram(Histogram)
        case computed(@Sendable () -> Double)
    }

    private struct Entry {
        let labels: Labels
        let instrument: Instrument
    }

    private struct FamilyEntries {
        let help: String
        var entries: [Entry] = []
    }

    private let families = Mutex<[String: FamilyEntries]>([:])

    public init() {}

    public func counter(_ name: String, help: String, labels: Labels = []) -> Counter {
        instrument(name, help, labels) {
            if case .counter(let found) = $0 { found } else { nil }
        } make: {
            let made = Counter()
            return (made, .counter(made))
        }
    }

    public func gauge(_ name: String, help: String, labels: Labels = []) -> Gauge {
        instrument(name, help, labels) {
            if case .gauge(let found) = $0 { found } else { nil }
        } make: {
            let made = Gauge()
            return (made, .gauge(made))
        }
    }

    /// A gauge that is worked out when it is read; `compute` runs on the reader's thread.
    public func gauge(
        _ name: String, help: String, labels: Labels = [], computedBy compute: @escaping @Sendable () -> Double
    ) {
        families.withLock {
            $0[name, default: FamilyEntries(help: help)].entries.append(
                Entry(labels: labels, instrument: .computed(compute)))
        }
    }

    public func histogram(_ name: String, help: String, bounds: [Double], labels: Labels = []) -> Histogram {
        instrument(name, help, labels) {
            if case .histogram(let found) = $0 { found } else { nil }
        } make: {
            let made = Histogram(bounds: bounds)
            return (made, .histogram(made))
        }
    }

    /// Everything as it stands now, by name.
    public func read() -> [Family] {
        let now = families.withLock { $0 }
        return now.sorted { $0.key < $1.key }.map { name, family in
            Family(
                name: name, help: family.help,
                series: family.entries.map { Series(labels: $0.labels, reading: Self.reading(of: $0.instrument)) })
        }
    }

    private static func reading(of instrument: Instrument) -> Reading {
        switch instrument {
        case .counter(let counter): .counter(counter.value)
        case .gauge(let gauge): .gauge(gauge.value)
        case .computed(let compute): .gauge(compute())
        case .histogram(let histogram): .histogram(bounds: histogram.bounds, histogram.reading)
        }
    }

    private func instrument<Kind: Sendable>(
        _ name: String, _ help: String, _ labels: Labels, found: (Instrument) -> Kind?, make: () -> (Kind, Instrument)
    ) -> Kind {
        families.withLock { families in
            let known = families[name, default: FamilyEntries(help: help)].entries.first {
                $0.labels.elementsEqual(labels) { $0 == $1 }
            }
            if let known, let same = found(known.instrument) { return same }
            let (made, instrument) = make()
            families[name, default: FamilyEntries(help: help)].entries.append(
                Entry(labels: labels, instrument: instrument))
            return made
        }
    }
}
