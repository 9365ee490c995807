import BerthPlanner

/// The published FIFO, blind to types, as its code runs: whoever comes first takes the last type by name that has
/// a GPU free, and keeps it to its end; a job with too little room on every type holds back all behind it.
///
/// Habits of that code are kept, since the published figures come from it. The type taken may have less free than
/// the gang needs as long as some other type has enough; a job that ends hands its type to the head of the queue
/// before the later ones are counted; and so a type may be promised to more jobs than it holds, which then take
/// turns.
/// Source: `scheduler/policies/fifo.py` at github.com/stanford-futuredata/gavel (commit c4fa400).
struct GavelFIFO: GavelRoundPlanner {
    private let workload: GavelWorkload
    private let typesByName: [Int]
    private var types: [(job: ActiveJob, type: Int)] = []
    private var shares: GavelShares

    init(_ workload: GavelWorkload) {
        self.workload = workload
        shares = GavelShares(workload)
        typesByName = workload.cluster.types.indices.sorted {
            workload.cluster.types[$0].name < workload.cluster.types[$1].name
        }
    }

    mutating func plan(_ active: [ActiveJob], now: Double) -> [ThroughputPlacement?] {
        if shares.isDue(active, now: now) {
            allocate(active)
            let rows = active.map { job in
                let taken = types.first { $0.job.id == job.id }?.type
                return workload.cluster.types.indices.map { $0 == taken ? 1.0 : 0 }
            }
            shares.reset(active, to: rows, now: now)
        }
        return shares.places(active)
    }

    private mutating func allocate(_ active: [ActiveJob]) {
        var free = workload.cluster.capacities
        let present = Set(active.map(\.id))
        let allocated = Set(types.map(\.job.id))
        var queue = active.filter { !allocated.contains($0.id) }[...]
        var kept: [(job: ActiveJob, type: Int)] = []
        for (job, type) in types {
            if present.contains(job.id) {
                kept.append((job, type))
                free[type] -= job.job.gang
            } else if let head = queue.first, head.job.gang <= free[type], canRun(head, on: type) {
                queue.removeFirst()
                kept.append((head, type))
                free[type] -= head.job.gang
            }
        }
        fill(&kept, from: queue, free: free)
        types = kept.sorted { $0.job.id < $1.job.id }
    }

    private mutating func fill(
        _ kept: inout [(job: ActiveJob, type: Int)], from queue: ArraySlice<ActiveJob>, free: [Int]
    ) {
        var free = free
        var open = typesByName.filter { free[$0] > 0 }
        for job in queue {
            guard let wide = open.firstIndex(where: { free[$0] >= job.job.gang }) else { return }
            guard let type = open.last(where: { canRun(job, on: $0) }) else { continue }
            kept.append((job, type))
            free[type] -= job.job.gang
            // The published code drops a type drawn from those with room, not the one that filled up; here the first.
            if free[type] == 0 { open.remove(at: wide) }
        }
    }

    private func canRun(_ job: ActiveJob, on type: Int) -> Bool {
        workload.speeds.alone[job.job.kind][type] > 0 && workload.cluster.types[type].count >= job.job.gang
    }
}
