import BerthModel
import BerthPlanner

/// The order in which tasks arrive in one run: all tasks of the trace shuffled, then further ones drawn from it with
/// replacement until the next would pass 130 % of the cluster's GPUs. A trace above that loses random tasks first.
///
/// Source: `TunePodsByNodeTotalResource` of the published simulator, including its test, which counts one GPU of the
/// next task rather than all.
struct OpenBArrivals {
    /// Indices into the trace's shapes.
    let tasks: [Int]
    /// Draws that change what the tasks are come first; a policy's own draws go on from here.
    private(set) var generator: SeededGenerator

    init(of trace: OpenBTrace, seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let limit = trace.capacity * 13 / 10
        var tasks = trace.tasks.shuffled(using: &generator)
        var demand = tasks.reduce(0) { $0 + trace.shapes[$1].totalGPUMillis }
        if demand > limit {
            // The order is random already: dropping from its end drops at random.
            while demand > limit, let dropped = tasks.popLast() { demand -= trace.shapes[dropped].totalGPUMillis }
        } else {
            while let next = trace.tasks.randomElement(using: &generator) {
                let shape = trace.shapes[next]
                if demand + shape.gpuMillis > limit { break }
                demand += shape.totalGPUMillis
                tasks.append(next)
            }
        }
        self.tasks = tasks
        self.generator = generator
    }
}
