/// The linear program of `MakespanShares` in the form Ax = b, x ≥ 0, and the interior-point method on it.
///
/// Variables: the parts z, job by job; each job's slack u to the horizon; each type's slack v; the horizon T.
/// Rows: each job's parts sum to 1; each job's time and slack to T; each type's load and slack to T.
struct MakespanProgram {
    /// What times are divided by, so that the horizon comes near 1.
    let unitSeconds: Double
    private let jobs: Int
    private let types: Int
    /// 1 where a job can run, else 0; then its time and its load there.
    private let can: [Double]
    private let times: [Double]
    private let loads: [Double]
    private var x: [Double]
    private var s: [Double]
    private var y: [Double]

    init(_ jobs: [ThroughputJob], capacities: [Int]) {
        self.jobs = jobs.count
        types = capacities.count
        let seconds = jobs.flatMap { job in
            capacities.indices.map { capacities[$0] >= job.devices ? job.seconds(on: $0) : .infinity }
        }
        let shortest = jobs.indices.map { job in
            seconds[job * capacities.count..<(job + 1) * capacities.count].reduce(.infinity, min)
        }
        let unit = shortest.filter(\.isFinite).reduce(1e-9, max)
        unitSeconds = unit
        can = seconds.map { $0.isFinite ? 1 : 0 }
        times = seconds.map { $0.isFinite ? $0 / unit : 0 }
        var loads = times
        for index in loads.indices {
            let devices = Double(jobs[index / capacities.count].devices)
            loads[index] *= devices / Double(max(capacities[index % capacities.count], 1))
        }
        self.loads = loads
        let variables = loads.count + jobs.count + capacities.count + 1
        x = Array(repeating: 1, count: variables)
        for index in can.indices { x[index] = can[index] / Double(capacities.count) }
        s = Array(repeating: 1, count: variables)
        y = Array(repeating: 0, count: 2 * jobs.count + capacities.count)
    }

    var horizon: Double { x[x.count - 1] }

    func time(of job: Int, on type: Int) -> Double {
        times[job * types + type] * x[job * types + type]
    }

    /// Steps until the gap between bound and solution is below the tolerance, a part of the horizon. Keeps the best
    /// solution met, since rounding may end progress before.
    mutating func solve(tolerance: Double) {
        let positive = can.reduce(0, +) + Double(jobs + types + 1)
        var best = (program: self, error: Double.infinity)
        for _ in 0..<Self.mostSteps {
            let rows = residualOfRows()
            let costs = residualOfCosts()
            let gap = zip(x, s).reduce(0) { $0 + $1.0 * $1.1 }
            let error = max(gap, rows.reduce(0) { max($0, abs($1)) }, costs.reduce(0) { max($0, abs($1)) })
            guard error.isFinite else { break }
            if error < best.error { best = (self, error) }
            if error < tolerance * max(horizon, 1) { break }
            step(rows: rows, costs: costs, gap: gap / positive, positive: positive)
        }
        self = best.program
    }

    private static let mostSteps = 50

    /// One predictor, then one corrector towards the centre that the predictor leaves in reach.
    private mutating func step(rows: [Double], costs: [Double], gap: Double, positive: Double) {
        let system = normalSystem()
        let affine = direction(system, rows: rows, costs: costs, products: zip(x, s).map { -$0 * $1 })
        let (primal, dual) = (limit(x, affine.x), limit(s, affine.s))
        var after = 0.0
        for index in x.indices {
            after += (x[index] + primal * affine.x[index]) * (s[index] + dual * affine.s[index])
        }
        let ratio = after / positive / gap
        let centre = ratio * ratio * ratio * gap
        var products = Array(repeating: 0.0, count: x.count)
        for index in x.indices where x[index] > 0 {
            products[index] = centre - x[index] * s[index] - affine.x[index] * affine.s[index]
        }
        advance(along: direction(system, rows: rows, costs: costs, products: products))
    }

    private func normalSystem() -> MakespanNormalSystem {
        let weights = zip(x, s).map { $0 / $1 }
        let typeSlacks = jobs * types + jobs
        var system = MakespanNormalSystem(
            jobs: jobs, typeSlacks: Array(weights[typeSlacks..<typeSlacks + types]),
            horizon: weights[weights.count - 1])
        for job in 0..<jobs {
            let range = job * types..<(job + 1) * types
            system.eliminate(
                weights: weights[range], times: times[range], loads: loads[range], slack: weights[jobs * types + job])
        }
        return system
    }

    private mutating func advance(along step: (x: [Double], y: [Double], s: [Double])) {
        let primal = min(1, 0.99 * limit(x, step.x, atMost: 2))
        let dual = min(1, 0.99 * limit(s, step.s, atMost: 2))
        for index in x.indices {
            x[index] += primal * step.x[index]
            s[index] += dual * step.s[index]
        }
        for index in y.indices { y[index] += dual * step.y[index] }
    }

    /// How far `values` can go along `direction` before one turns negative.
    private func limit(_ values: [Double], _ direction: [Double], atMost: Double = 1) -> Double {
        var limit = atMost
        for index in values.indices where direction[index] < 0 && values[index] > 0 {
            limit = min(limit, -values[index] / direction[index])
        }
        return limit
    }

    private func direction(
        _ system: MakespanNormalSystem, rows: [Double], costs: [Double], products: [Double]
    ) -> (x: [Double], y: [Double], s: [Double]) {
        var scaled = Array(repeating: 0.0, count: x.count)
        for index in x.indices { scaled[index] = (products[index] - x[index] * costs[index]) / s[index] }
        let moved = timesMatrix(scaled)
        let dy = system.solve(zip(rows, moved).map { $0 - $1 })
        let back = timesTransposed(dy)
        var dx = scaled
        var ds = costs
        for index in x.indices {
            ds[index] -= back[index]
            dx[index] += x[index] / s[index] * back[index]
        }
        return (dx, dy, ds)
    }

    private func residualOfRows() -> [Double] {
        var residual = timesMatrix(x)
        for row in residual.indices { residual[row] = (row < jobs ? 1 : 0) - residual[row] }
        return residual
    }

    private func residualOfCosts() -> [Double] {
        var residual = timesTransposed(y)
        for index in residual.indices { residual[index] = -residual[index] - s[index] }
        residual[residual.count - 1] += 1
        for index in can.indices where can[index] == 0 { residual[index] = 0 }
        return residual
    }

    private func timesMatrix(_ x: [Double]) -> [Double] {
        let horizon = x[x.count - 1]
        var rows = Array(repeating: 0.0, count: 2 * jobs + types)
        for type in 0..<types { rows[2 * jobs + type] = x[jobs * types + jobs + type] - horizon }
        for job in 0..<jobs {
            var (sum, time) = (0.0, x[jobs * types + job] - horizon)
            for type in 0..<types {
                let index = job * types + type
                sum += can[index] * x[index]
                time += times[index] * x[index]
                rows[2 * jobs + type] += loads[index] * x[index]
            }
            rows[job] = sum
            rows[jobs + job] = time
        }
        return rows
    }

    private func timesTransposed(_ y: [Double]) -> [Double] {
        var columns = Array(repeating: 0.0, count: x.count)
        for job in 0..<jobs {
            for type in 0..<types {
                let index = job * types + type
                columns[index] = can[index] * y[job] + times[index] * y[jobs + job] + loads[index] * y[2 * jobs + type]
            }
            columns[jobs * types + job] = y[jobs + job]
            columns[columns.count - 1] -= y[jobs + job]
        }
        for type in 0..<types {
            columns[jobs * types + jobs + type] = y[2 * jobs + type]
            columns[columns.count - 1] -= y[2 * jobs + type]
        }
        return columns
    }
}
