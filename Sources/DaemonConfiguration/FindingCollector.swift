/// Gathers what is wrong while the rest is still read, and remembers where each value stood.
final class FindingCollector {
    let file: String
    let environment: [String: String]
    /// Whether everybody on the machine may read the file.
    let othersMayRead: Bool
    private(set) var errors: [Finding] = []
    private(set) var warnings: [Finding] = []
    private var places: [String: Place] = [:]
    private var faulty: Set<String> = []

    init(file: String, environment: [String: String], othersMayRead: Bool) {
        self.file = file
        self.othersMayRead = othersMayRead
        self.environment = environment
    }

    func error(_ place: Place, _ message: String) {
        errors.append(Finding(file: file, place: place, message: message))
    }

    func warning(_ place: Place, _ message: String) {
        warnings.append(Finding(file: file, place: place, message: message))
    }

    /// Notes where the value of `path` stands.
    func note(_ path: String, at place: Place) { places[path] = place }

    /// Notes that the value of `path` was refused, so that nothing is concluded from the default in its stead.
    func refuse(_ path: String, _ place: Place, _ message: String) {
        faulty.insert(path)
        error(place, message)
    }

    /// Where the value of `path` stands; nil if the file does not give it.
    func place(of path: String) -> Place? { places[path] }

    func isFaulty(_ path: String) -> Bool { faulty.contains(path) }
}
