import RealModule

/// What users and projects have used, old use counting less: after each half-life, half.
///
/// In core-seconds; what else is held counts as cores by `charge(for:)`. Between changes the account of who holds
/// resources at a rate `r` goes by `u(t) = u₀·2^(−t/h) + (r·h/ln 2)·(1 − 2^(−t/h))`, so that nothing is done as time
/// goes by.
///
/// Source: the half-life of Slurm's priority/multifactor and HTCondor's user priorities.
public struct UsageLedger: Hashable, Sendable, Codable {
    private var accounts: [String: Account] = [:]

    public init() {}

    private struct Account: Hashable, Sendable, Codable {
        /// Core-seconds at `time`.
        var used: Double
        /// Cores held since then.
        var rate: Double
        var time: Timestamp

        func used(at now: Timestamp, halfLife: Duration) -> Double {
            let elapsed = max(0, (now - time).inSeconds)
            let halfLife = max(halfLife.inSeconds, 1)
            let kept = Double.exp2(-elapsed / halfLife)
            return used * kept + rate * halfLife / 0.693_147_180_559_945_3 * (1 - kept)
        }
    }

    /// What a user or project has used by `now`, in core-seconds.
    public func used(by account: Self.Name, at now: Timestamp, halfLife: Duration) -> Double {
        accounts[account.key]?.used(at: now, halfLife: halfLife) ?? 0
    }

    /// What all projects have used by `now`, and how many users each has with use that counts.
    ///
    /// - Complexity: O(a) for a accounts.
    public func totals(at now: Timestamp, halfLife: Duration)
        -> (byProject: [String: Double], usersByProject: [String: Int], all: Double)
    {
        var byProject: [String: Double] = [:]
        var users: [String: Int] = [:]
        var all = 0.0
        for (key, account) in accounts.sorted(by: { $0.key < $1.key }) {
            let parts = key.split(separator: "\n", omittingEmptySubsequences: false)
            guard parts.count > 1 else { continue }
            let project = String(parts[1])
            guard parts[0] == "p" else {
                users[project, default: 0] += 1
                continue
            }
            let used = account.used(at: now, halfLife: halfLife)
            byProject[project] = used
            all += used
        }
        return (byProject, users, all)
    }

    /// Whose account.
    public enum Name: Hashable, Sendable {
        case project(String)
        case user(String, project: String)

        fileprivate var key: String {
            switch self {
            case .project(let project): "p\n" + project
            case .user(let user, let project): "u\n" + project + "\n" + user
            }
        }
    }

    /// Somebody begins or ends to hold what counts as `rate` cores.
    package mutating func change(rate: Double, of names: [Name], at now: Timestamp, halfLife: Duration) {
        for name in names {
            let before = accounts[name.key]
            let used = before?.used(at: now, halfLife: halfLife) ?? 0
            // Sums of many small parts need not come back to zero exactly.
            let held = (before?.rate ?? 0) + rate
            let account = Account(used: used, rate: abs(held) < 1e-6 ? 0 : held, time: now)
            accounts[name.key] = account.rate == 0 && account.used < 1 ? nil : account
        }
    }

    /// What an allocation counts for, in cores: each core one, each GPU or declared device 16, 8 GiB of memory one.
    public static func charge(for allocation: Allocation) -> Double {
        let gpus = Double(allocation.devices.reduce(0) { $0 + $1.thousandths }) / Double(GPURequest.whole)
        return Double(max(allocation.coreCount, 0)) + Double(allocation.memoryBytes) / Double(8 << 30) + gpus * 16
    }
}

extension JobSpecification {
    /// The project that its use counts for; jobs without one share an account.
    public var account: String { project ?? "" }
}
