public import BerthModel

/// Why a task does not fit on a node: one entry for each thing that binds, never only the first.
public enum Shortfall: Hashable, Sendable, Codable {
    case lost
    case drained(reason: String)
    /// The node is outside its queue's nodes.
    case queue(name: String, nodes: String)
    case constraint(String)
    /// The node must be empty from then on, and the task may still run (microseconds; nil where nothing limits it).
    case maintenance(from: Timestamp, timeLimit: Int64?)
    /// It wants the node for itself, and others are on it; or somebody else has it so.
    case exclusive
    case cores(asked: Int, free: Int, total: Int)
    case threads(asked: Int, free: Int, total: Int)
    /// Bytes; `total` is nil where the node does not know its memory.
    case memory(asked: Int64, free: Int64, total: Int64?)
    /// `free` and `total` count those that meet the request's model, memory and attributes.
    case device(kind: String, asked: Int, free: Int, total: Int, unmet: DeviceMismatch?)
    /// Each alone is there, but not together within one such part of the node.
    case locality(Locality.Level)
    /// So few of the fleet's nodes could ever take a member.
    case gang(asked: Int, able: Int)

    /// What keeps devices of the right kind from being candidates.
    public struct DeviceMismatch: Hashable, Sendable, Codable {
        /// `qubits`, `model`, `memory`, `link` or `share`
        public var attribute: String
        /// Empty where the request says nothing and must.
        public var asked: String
        /// The best that the node has.
        public var best: String
    }

    /// The kind, for counting: `cores`.
    public var name: String {
        switch self {
        case .lost: "lost"
        case .drained: "drained"
        case .queue: "queue"
        case .constraint: "constraint"
        case .maintenance: "maintenance"
        case .exclusive: "exclusive"
        case .cores: "cores"
        case .threads: "threads"
        case .memory: "memory"
        case .device(let kind, _, _, _, _): kind
        case .locality: "locality"
        case .gang: "gang"
        }
    }
}

extension Shortfall: CustomStringConvertible {
    public var description: String {
        switch self {
        case .lost: return "its agent is not heard"
        case .drained(let reason): return "it is drained (\(reason))"
        case .queue(let name, let nodes): return "queue \(name) uses only nodes where \(nodes)"
        case .constraint(let text): return "the constraint \(text) does not hold"
        case .maintenance(let start, let limit):
            let length = limit.map { "may run for \(Duration.microseconds($0).text)" } ?? "has no time limit"
            return "it must be empty from \(start) on, and the job \(length)"
        case .exclusive: return "the node is not free of others"
        case .cores(let asked, let free, let total): return "\(asked.counted("core")) asked, \(free) of \(total) free"
        case .threads(let asked, let free, let total):
            return "\(asked.counted("thread")) asked, \(free) of \(total) free"
        case .memory(let asked, let free, let total):
            guard let total else { return "\(ByteCount.text(asked)) asked, and the node's memory is unknown" }
            return "\(ByteCount.text(asked)) memory asked, \(ByteCount.text(free)) of \(ByteCount.text(total)) free"
        case .device(let kind, let asked, let free, let total, let unmet):
            if let unmet, unmet.asked.isEmpty {
                return "\(kind): the request must say \(unmet.attribute), from which its memory is reckoned"
            }
            if let unmet {
                return "\(kind): \(unmet.attribute) \(unmet.asked) asked, the best here is \(unmet.best)"
            }
            return "\(asked) \(kind) asked, \(free) of \(total) free"
        case .locality(let level):
            return "enough is free, but not within one \(level == .numa ? "NUMA node" : level.rawValue)"
        case .gang(let asked, let able):
            return "\(asked.counted("node")) asked, and \(able) of the fleet could take a part"
        }
    }
}
