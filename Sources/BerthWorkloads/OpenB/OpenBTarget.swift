import BerthPlanner

extension OpenBTrace {
    /// The target workload of the fragmentation measure: shapes without their memory, most frequent first, until they
    /// cover 95 % of the tasks, weighted by frequency.
    var target: [(shape: PackingShape, share: Double)] {
        var counts: [PackingShape: Int] = [:]
        var order: [PackingShape] = []
        for task in tasks {
            var shape = shapes[task]
            shape.memoryMebibytes = 0
            if counts[shape, default: 0] == 0 { order.append(shape) }
            counts[shape, default: 0] += 1
        }
        let ranked = order.enumerated().map { (shape: $0.element, count: counts[$0.element] ?? 0, rank: $0.offset) }
            .sorted { ($1.count, $0.rank) < ($0.count, $1.rank) }
        var covered = 0
        var target: [(shape: PackingShape, count: Int)] = []
        for (shape, count, _) in ranked where covered * 100 < tasks.count * 95 {
            covered += count
            target.append((shape, count))
        }
        return target.map { ($0.shape, Double($0.count) / Double(covered)) }
    }
}
