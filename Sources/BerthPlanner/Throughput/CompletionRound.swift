/// A round on the way to early ends: devices go where they finish the largest part of what a job has left.
///
/// The value of a place is the part of the remaining work done there a second; the cμ rule with a holding cost of 1
/// for each job. Places are taken in the order of value per device, so that the smallest remaining area goes first
/// and a type goes to the jobs that gain most on it. With measured speeds of pairs, a job then moves in with a
/// running job of as many devices wherever it gains more than the other loses, and devices that this frees are
/// given out again. Sources: Buyukkoc, Varaiya and Walrand, "The cμ rule revisited", Adv. Appl. Prob. 17(1), 1985;
/// sharing after Xiao et al., "Gandiva", OSDI 2018, with a value in place of trial and error.
struct CompletionRound {
    private let jobs: [ThroughputJob]
    private let options: [Option]
    private var free: [Int]
    private(set) var places: [ThroughputPlacement?]

    private struct Option {
        var valuePerDevice: Double
        var job: Int
        var type: Int
    }

    init(_ jobs: [ThroughputJob], capacities: [Int], shared: SharedThroughput?) {
        self.jobs = jobs
        free = capacities
        places = Array(repeating: nil, count: jobs.count)
        options = Self.options(jobs, types: capacities.count)
        takeDevices()
        if let shared {
            let hosts = jobs.indices.filter { places[$0] != nil }
            for job in jobs.indices { moveIn(job, with: hosts, shared) }
            takeDevices()
        }
    }

    private static func options(_ jobs: [ThroughputJob], types: Int) -> [Option] {
        var options: [Option] = []
        options.reserveCapacity(jobs.count * types)
        for (index, job) in jobs.enumerated() {
            for type in 0..<types where job.stepsPerSecond[type] > 0 {
                let value = job.stepsPerSecond[type] / (job.remainingSteps * Double(job.devices))
                options.append(Option(valuePerDevice: value, job: index, type: type))
            }
        }
        return options.sorted { ($0.valuePerDevice, $1.job, $1.type) > ($1.valuePerDevice, $0.job, $0.type) }
    }

    private mutating func takeDevices() {
        for option in options where places[option.job] == nil && jobs[option.job].devices <= free[option.type] {
            places[option.job] = ThroughputPlacement(type: option.type)
            free[option.type] -= jobs[option.job].devices
        }
    }

    /// Puts a job on the devices of the running job with which the two together gain most, if any gain there is.
    private mutating func moveIn(_ guest: Int, with hosts: [Int], _ shared: SharedThroughput) {
        guard places[guest]?.partner == nil else { return }
        let now = places[guest].map { jobs[guest].stepsPerSecond[$0.type] } ?? 0
        var most = 0.0
        var chosen: ThroughputPlacement?
        for host in hosts where host != guest && jobs[host].devices == jobs[guest].devices {
            guard let place = places[host], place.partner == nil, jobs[guest].stepsPerSecond[place.type] > 0
            else { continue }
            let rates = shared[jobs[guest].kind, jobs[host].kind, place.type]
            guard rates.first > 0, rates.second > 0 else { continue }
            let gain = (rates.first - now) / jobs[guest].remainingSteps
            let loss = (jobs[host].stepsPerSecond[place.type] - rates.second) / jobs[host].remainingSteps
            if gain - loss > most {
                most = gain - loss
                chosen = ThroughputPlacement(type: place.type, partner: host)
            }
        }
        guard let chosen, let host = chosen.partner else { return }
        if let left = places[guest] { free[left.type] += jobs[guest].devices }
        places[guest] = chosen
        places[host]?.partner = guest
    }
}
