import BerthModel
import BerthPlanner

/// The published baselines' way from shares of time to rounds: on each type the GPUs go to those jobs that have
/// received the least of their share, then to those that fell furthest behind before.
///
/// Shares are computed again once the set of jobs has changed, and 1,920 s after the last time at the earliest.
/// Source: `scheduler/scheduler.py` (`_update_priorities`, `_reset_time_run_so_far`,
/// `_schedule_jobs_on_workers_helper`) at github.com/stanford-futuredata/gavel (commit c4fa400).
struct GavelShares {
    private let workload: GavelWorkload
    private var generator = SeededGenerator(seed: 0)
    private var accounts: [Int: Account] = [:]
    private var lastReset: Double?
    private var present: [Int] = []

    private struct Account {
        /// The part of each type's time it is due.
        var shares: [Double]
        /// Seconds on each type since the last reset, with half a round for a start.
        var received: [Double]
        /// Seconds on each type that it was due before the last reset and did not get.
        var deficits: [Double]
    }

    init(_ workload: GavelWorkload) {
        self.workload = workload
    }

    /// Whether shares are to be computed again.
    func isDue(_ active: [ActiveJob], now: Double) -> Bool {
        guard let lastReset else { return true }
        return now - lastReset >= 1_920 && active.map(\.id) != present
    }

    /// Starts an account of `shares`, a row for each of `active` and a column for each type.
    mutating func reset(_ active: [ActiveJob], to shares: [[Double]], now: Double) {
        let elapsed = now - (lastReset ?? now)
        let start = workload.cluster.roundSeconds / 2
        var renewed: [Int: Account] = [:]
        for (job, shares) in zip(active, shares) {
            var account =
                accounts[job.id]
                ?? Account(
                    shares: shares.map { _ in 0 }, received: shares.map { _ in start }, deficits: shares.map { _ in 0 })
            for type in shares.indices {
                account.deficits[type] += account.shares[type] * elapsed - (account.received[type] - start)
                account.received[type] = start
            }
            account.shares = shares
            renewed[job.id] = account
        }
        accounts = renewed
        lastReset = now
        present = active.map(\.id)
    }

    /// Places for the next round. Types come in an order drawn by chance, as the baselines are blind to them.
    mutating func places(_ active: [ActiveJob]) -> [ThroughputPlacement?] {
        var free = workload.cluster.capacities
        var places = [ThroughputPlacement?](repeating: nil, count: active.count)
        for type in free.indices.shuffled(using: &generator) {
            for position in order(active, on: type) {
                let job = active[position].job
                guard places[position] == nil, job.gang <= free[type], workload.speeds.alone[job.kind][type] > 0
                else { continue }
                places[position] = ThroughputPlacement(type: type)
                accounts[active[position].id]?.received[type] += workload.cluster.roundSeconds
                free[type] -= job.gang
            }
        }
        return places
    }

    /// Positions of those with a share of the type, the most urgent first; ties go to the earlier job.
    private func order(_ active: [ActiveJob], on type: Int) -> [Int] {
        var keys: [(priority: Double, deficit: Double, position: Int)] = []
        for (position, job) in active.enumerated() {
            guard let account = accounts[job.id], account.shares[type] > 0 else { continue }
            keys.append((account.shares[type] / account.received[type], account.deficits[type], position))
        }
        return keys.sorted { ($0.priority, $0.deficit, -$0.position) > ($1.priority, $1.deficit, -$1.position) }
            .map(\.position)
    }
}
