import BerthWorkloads
import Foundation

/// The planner itself under a load that is made up: what an event, a submission and an explanation cost.
enum SyntheticFormat: TraceFormat {
    static let options: Set<SimulationArguments.OptionName> = [.nodes, .queued, .classes, .events, .seeds]
    static let knowsTime = false

    static func parts(_ arguments: SimulationArguments) throws -> [SimulationPart] {
        let load = try SyntheticLoad(
            nodes: arguments.nodes ?? 10_000, queued: arguments.queued ?? 1_000_000,
            classes: arguments.classes ?? 1000, events: arguments.events ?? 5000)
        let seeds = try arguments.chosenSeeds(otherwise: 1...1)
        // One after the other: side by side they would share caches, and the memory of one is not told from another's.
        return [
            SimulationPart {
                seeds.map { load.simulate(seed: $0, cpuClock: threadSeconds, memoryInUse: residentBytes) }
            }
        ]
    }

    /// What the process has in memory.
    private static func residentBytes() -> Int {
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return 0 }
        let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
    }
}

/// What this thread has had of a CPU. A run stays on one thread.
func threadSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
