/// The shortest time in which jobs can end on devices of several types, and each job's part of it on each type.
///
/// The linear program, over the part `z` of job j's steps done on type w and the time T:
///
///     minimise T    with  Σ_w z[j,w] = 1,   Σ_w t[j,w] z[j,w] ≤ T,   Σ_j d[j] t[j,w] z[j,w] ≤ N[w] T,   z ≥ 0
///
/// where t is the time of the whole job on a type, d its devices and N the devices of a type. T is a lower bound
/// for any schedule without sharing. With gangs that fit the types evenly it can be reached up to the length of a
/// round, by giving each job its share of every round (preemptive open shop).
///
/// Solved by Mehrotra's predictor-corrector method. Only the rows of the W types tie jobs together, so that a step
/// costs O(J·W² + W³), and some 20 steps bring the gap below 1e-6. Sources: Narayanan et al., OSDI 2020, section 4.2
/// (the program); Lawler and Labetoulle, J. ACM 25(4), 1978 (that shares can be realised); Mehrotra, SIAM J. Optim.
/// 2(4), 1992.
public struct MakespanShares: Sendable {
    /// The bound T.
    public let seconds: Double
    /// By job and type: the part of T that the job spends on the type.
    public let shares: [[Double]]

    /// - Parameters:
    ///   - jobs: each with steps left, and able to run on some type that is wide enough for it.
    ///   - capacities: devices by type.
    ///   - tolerance: how far T may be from the optimum, as a part of it.
    public init(_ jobs: [ThroughputJob], capacities: [Int], tolerance: Double) {
        var program = MakespanProgram(jobs, capacities: capacities)
        program.solve(tolerance: tolerance)
        let horizon = program.horizon
        seconds = horizon * program.unitSeconds
        shares = jobs.indices.map { job in
            capacities.indices.map { program.time(of: job, on: $0) / horizon }
        }
    }
}
