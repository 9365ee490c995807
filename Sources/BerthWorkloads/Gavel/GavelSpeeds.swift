import BerthPlanner

/// How fast each kind of job runs on each type of device, alone and beside another.
struct GavelSpeeds: Sendable {
    /// A job type and the size of its gang: the unit that was measured.
    struct Kind: Hashable, Sendable {
        var jobType: String
        var gang: Int
    }

    private(set) var kinds: [Kind] = []
    /// Steps per second by kind, then by the cluster's types; 0 where it cannot run.
    private(set) var alone: [[Double]] = []
    private(set) var shared: SharedThroughput?
    private var numbers: [Kind: Int] = [:]

    /// A pair of kinds takes memory in the table of shared speeds; the published files hold 84 kinds.
    private static let mostKinds = 500
    static let mostStepsPerSecond = 1e9
    static let mostDevices = 100_000

    /// - Parameters:
    ///   - alone: `worker_type,job_type,scale_factor,steps_per_second`.
    ///   - colocated: the same for two jobs on the same devices, or nil where nothing is shared.
    init(alone: String, colocated: String?, cluster: GavelCluster) throws(TraceError) {
        var types: [String: Int] = [:]
        for (index, type) in cluster.types.enumerated() {
            guard types.updateValue(index, forKey: type.name) == nil else {
                throw TraceError("The cluster names \(type.name) twice. Name each type once, with its count.")
            }
        }
        try readAlone(alone, types: types)
        if let colocated { try readShared(colocated, types: types) }
    }

    func number(of kind: Kind) -> Int? { numbers[kind] }

    private mutating func readAlone(_ text: String, types: [String: Int]) throws(TraceError) {
        let table = try GavelTable(
            text, name: "throughputs", columns: ["worker_type", "job_type", "scale_factor", "steps_per_second"])
        var measured: Set<Int> = []
        for row in table.rows {
            guard let type = types[table.text(row, 0)] else { continue }
            let kind = Kind(
                jobType: table.text(row, 1), gang: try table.count(row, 2, in: 1...Self.mostDevices))
            let number = numbers[kind] ?? kinds.count
            if number == kinds.count {
                guard kinds.count < Self.mostKinds else {
                    throw TraceError(
                        "The throughputs name more than \(Self.mostKinds) kinds of job. Keep those in use.")
                }
                numbers[kind] = number
                kinds.append(kind)
                alone.append(Array(repeating: 0, count: types.count))
            }
            alone[number][type] = try table.number(row, 3, in: 0...Self.mostStepsPerSecond)
            guard measured.insert(number * types.count + type).inserted else {
                throw TraceError("Line \(row.line) of the throughputs measures a kind on a type again. Keep one line.")
            }
        }
        for name in types.keys.sorted() {
            guard let type = types[name], kinds.indices.contains(where: { measured.contains($0 * types.count + type) })
            else { throw TraceError("The throughputs have no line for \(name), a type of the cluster.") }
        }
    }

    private mutating func readShared(_ text: String, types: [String: Int]) throws(TraceError) {
        let table = try GavelTable(
            text, name: "colocated throughputs",
            columns: [
                "worker_type", "job_type", "scale_factor", "other_job_type", "other_scale_factor",
                "steps_per_second", "other_steps_per_second",
            ])
        var shared = SharedThroughput(kinds: kinds.count, types: types.count)
        for row in table.rows {
            guard let type = types[table.text(row, 0)] else { continue }
            let first = Kind(jobType: table.text(row, 1), gang: try table.count(row, 2, in: 1...Self.mostDevices))
            let second = Kind(jobType: table.text(row, 3), gang: try table.count(row, 4, in: 1...Self.mostDevices))
            let rates = SharedThroughput.Rates(
                first: try table.number(row, 5, in: 0...Self.mostStepsPerSecond),
                second: try table.number(row, 6, in: 0...Self.mostStepsPerSecond))
            guard first.gang == second.gang, let first = numbers[first], let second = numbers[second] else { continue }
            shared.record(rates, first: first, second: second, type: type)
        }
        self.shared = shared
    }
}
