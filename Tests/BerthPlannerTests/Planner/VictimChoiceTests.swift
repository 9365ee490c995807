import BerthModel
import BerthPlanner
import Testing

/// A million generated cases of who is stopped for whom, on a machine that is only a number of cores.
struct VictimChoiceTests {
    private struct Attempt {
        var place: PreemptionPlace
        var cores: Int
        var cost: Int
    }

    /// A machine, full or not, and jobs that want to run on it.
    private struct Machine {
        var free: Int
        var running: [Attempt] = []
        var waiting: [Attempt] = []

        init(_ random: inout SeededGenerator) {
            free = Int.random(in: 1...12, using: &random)
            for _ in 0..<Int.random(in: 0...6, using: &random) {
                let attempt = Self.attempt(&random)
                if attempt.cores <= free {
                    running.append(attempt)
                    free -= attempt.cores
                }
            }
            for _ in 0..<Int.random(in: 1...3, using: &random) { waiting.append(Self.attempt(&random)) }
        }

        static func attempt(_ random: inout SeededGenerator) -> Attempt {
            Attempt(
                place: PreemptionPlace(
                    tier: Int.random(in: 0...2, using: &random), isBorrowing: Bool.random(using: &random)),
                cores: Int.random(in: 1...6, using: &random), cost: Int.random(in: 1...9, using: &random))
        }

        /// How many run at each place, the highest first.
        var potential: [Int] {
            (0...2).reversed().flatMap { tier in
                [false, true].map { isBorrowing in
                    running.count { $0.place == PreemptionPlace(tier: tier, isBorrowing: isBorrowing) }
                }
            }
        }

        /// The victims for a job, cheapest candidates first; nil where it cannot start.
        func victims(for job: Attempt) -> [Int]? {
            let candidates = running.indices.filter { running[$0].place < job.place }.sorted {
                (running[$0].cost, $0) < (running[$1].cost, $1)
            }
            return leastVictims(of: candidates) { gone in
                free + gone.reduce(0) { $0 + running[$1].cores } >= job.cores
            }
        }

        /// Starts a waiting job; its victims wait again.
        mutating func start(_ place: Int, stopping victims: [Int]) {
            let job = waiting.remove(at: place)
            for victim in victims.sorted(by: >) {
                free += running[victim].cores
                waiting.append(running.remove(at: victim))
            }
            free -= job.cores
            running.append(job)
        }
    }

    @Test func `in a million cases no victim is stopped in vain, and it ends`() {
        var random = SeededGenerator(seed: 2026)
        var cases = 0
        var failures: [String] = []
        while cases < 1_000_000, failures.isEmpty {
            var machine = Machine(&random)
            var rounds = 0
            while let (place, victims) = machine.waiting.indices.lazy.compactMap({ place in
                machine.victims(for: machine.waiting[place]).map { (place, $0) }
            }).first {
                cases += 1
                rounds += 1
                failures += faults(of: victims, for: machine.waiting[place], on: machine)
                let before = machine.potential
                machine.start(place, stopping: victims)
                if !before.lexicographicallyPrecedes(machine.potential) { failures.append("no rise: \(machine)") }
                if machine.free < 0 || rounds > 100 { failures.append("no end: \(machine)") }
            }
        }
        #expect(failures.isEmpty)
    }

    private func faults(of victims: [Int], for job: Attempt, on machine: Machine) -> [String] {
        let cores = victims.map { machine.running[$0].cores }
        let spare = machine.free + cores.reduce(0, +) - job.cores
        var faults: [String] = []
        if spare < 0 { faults.append("too few victims: \(machine)") }
        // Any proper subset lacks at least one of them, and each alone is more than there is to spare.
        if cores.contains(where: { $0 <= spare }) { faults.append("a victim in vain: \(machine)") }
        if victims.contains(where: { machine.running[$0].place >= job.place }) {
            faults.append("not below: \(machine)")
        }
        return faults
    }
}
