import BerthModel
import BerthWorkloads
import Foundation

/// The parts of a simulation, done side by side on as many threads as there are processors.
struct SimulationParts {
    private let parts: [SimulationPart]

    init(_ parts: [SimulationPart]) { self.parts = parts }

    /// Simulates everything; the runs come in the order of their parts.
    func runs() async throws -> [SimulationRun] {
        defer { erase() }
        return try await withThrowingTaskGroup(of: (part: Int, runs: [SimulationRun]).self) { group in
            var results = [[SimulationRun]](repeating: [], count: parts.count)
            var waiting = parts.indices.makeIterator()
            func startNext() {
                guard let part = waiting.next() else { return }
                let simulate = parts[part].simulate
                group.addTask { (part, try simulate()) }
            }
            for _ in 0..<ProcessInfo.processInfo.activeProcessorCount { startNext() }
            tell(done: 0)
            var done = 0
            while let result = try await group.next() {
                results[result.part] = result.runs
                done += 1
                tell(done: done)
                startNext()
            }
            return results.flatMap { $0 }
        }
    }

    private var isWatched: Bool { isatty(2) == 1 }

    private func tell(done: Int) {
        guard isWatched else { return }
        write("\r\u{1B}[KSimulating: \(done) of \(parts.count.counted("run")) done")
    }

    private func erase() { if isWatched { write("\r\u{1B}[K") } }

    private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
