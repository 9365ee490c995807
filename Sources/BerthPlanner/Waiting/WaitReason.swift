public import BerthModel

/// Why a job waits: one entry for each thing that binds now.
public enum WaitReason: Hashable, Sendable, Codable {
    case held
    /// Berth holds it by itself.
    case heldByBerth(JobHold)
    /// Its family has failed so often that one of its tasks is to show first whether it still does.
    case probation(JobHold?)
    /// It leaves a node out that failed to start it.
    case avoids(node: NodeName, until: Timestamp)
    case begins(at: Timestamp)
    case dependency(Dependency)
    /// After a failed attempt, until its wait is over.
    case backoff(until: Timestamp)
    case arrayLimit(parallel: Int)
    case queueLimit(queue: String, limit: Int)
    case userLimit(queue: String, user: String, limit: Int)
    case projectLimit(queue: String, project: String, limit: Int)
    /// The project has its quota and may not have more.
    case quota(project: String, cores: Int, gpus: Int)
    /// What is free belongs to projects that do not lend it.
    case lent(cores: Int, gpus: Int)
    case noNodes
    /// Jobs that are looked at before this one take what it needs.
    case behind(jobs: Int)
    /// So few nodes have room for a part of the gang.
    case gang(shape: Int, nodes: Int, fitting: Int)
    /// It could start now, and will be over sooner on this node, where it goes faster and where it waits for room.
    case faster(node: NodeName, from: Timestamp)
    /// No node has enough free: why each falls short, for the shape (0 for `resources`, then `alternatives`).
    case resources(shape: Int, nodes: [NodeShortfall])

    /// What binds on one node.
    public struct NodeShortfall: Hashable, Sendable, Codable {
        public var node: NodeName
        public var shortfalls: [Shortfall]
    }

    /// Whether other jobs use up what is short.
    package var isShared: Bool {
        switch self {
        case .queueLimit, .userLimit, .projectLimit, .quota, .lent, .gang, .resources: true
        case .heldByBerth, .probation, .avoids: false
        case .held, .begins, .dependency, .backoff, .arrayLimit, .noNodes, .behind, .faster: false
        }
    }

    /// The kind, as programs see it: `dependency`.
    public var name: String {
        switch self {
        case .held, .heldByBerth: "held"
        case .probation: "probation"
        case .avoids: "avoids"
        case .begins: "begin"
        case .dependency: "dependency"
        case .backoff: "backoff"
        case .arrayLimit: "arrayLimit"
        case .queueLimit: "queueLimit"
        case .userLimit: "userLimit"
        case .projectLimit: "projectLimit"
        case .quota: "quota"
        case .lent: "lent"
        case .gang: "gang"
        case .noNodes: "noNodes"
        case .behind: "behind"
        case .faster: "faster"
        case .resources: "resources"
        }
    }

    /// What would change it.
    public var remedy: String? {
        switch self {
        case .held: "berth release lets it go."
        case .heldByBerth(let hold): hold.remedy
        case .probation: "If that task succeeds, the whole family goes on; if it fails, the job is held again."
        case .begins, .backoff, .behind, .gang, .avoids: nil
        case .faster: "Without throughput among its resources it takes what is free."
        case .dependency(let dependency): "berth show \(dependency.job) tells how far that job is."
        case .arrayLimit: "The array's own limit (%PARALLEL) sets this."
        case .quota, .lent: "Its project's quota (berth queues) sets this."
        case .queueLimit(let queue, _), .userLimit(let queue, _, _), .projectLimit(let queue, _, _):
            "Another queue than \(queue) may have room (berth queues)."
        case .noNodes: "Start an agent: berth up, or berth agent on another machine."
        case .resources(_, let nodes): Self.remedy(for: nodes)
        }
    }

    /// The smallest change to the request that would let it start on some node now.
    private static func remedy(for nodes: [NodeShortfall]) -> String? {
        let nearest = nodes.filter { node in
            node.shortfalls.allSatisfy {
                switch $0 {
                case .cores, .threads, .memory, .device(_, _, _, _, unmet: nil), .locality: true
                default: false
                }
            }
        }.min { ($0.shortfalls.count, $0.node) < ($1.shortfalls.count, $1.node) }
        guard let nearest else { return nil }
        let changes = nearest.shortfalls.compactMap { shortfall -> String? in
            switch shortfall {
            case .cores(_, let free, _), .threads(_, let free, _): free > 0 ? "--cpus \(free)" : nil
            case .memory(_, let free, _): free >= 1 << 20 ? "--memory \(free >> 20)MiB" : nil
            case .device(let kind, _, let free, _, _):
                free > 0 ? (kind == "gpu" ? "--gpus \(free)" : "--device \(kind):\(free)") : nil
            case .locality: "--locality node"
            default: nil
            }
        }
        guard changes.count == nearest.shortfalls.count else { return nil }
        return "It would start now on \(nearest.node) with \(changes.joined(separator: " "))."
    }
}

extension WaitReason: CustomStringConvertible {
    private static func text(project: String) -> String {
        project.isEmpty ? "Everybody without a project" : "Project \(project)"
    }

    public var description: String {
        switch self {
        case .held: "It is held."
        case .heldByBerth(let hold): hold.description
        case .probation(let hold):
            "One of its tasks is tried first"
                + (hold.flatMap { hold in
                    hold.family.map { ", since \(hold.count.counted("task")) of its family \($0) failed in a row" }
                } ?? "") + "."
        case .avoids(let node, let time): "It leaves \(node) out until \(time), which failed to start it."
        case .begins(let time): "It begins at \(time)."
        case .dependency(let dependency): "It waits until job \(dependency.job) has \(dependency.condition.past)."
        case .backoff(let time): "It is tried again at \(time)."
        case .arrayLimit(let parallel): "\(parallel) of its tasks hold resources, and no more may at a time."
        case .queueLimit(let queue, let limit): "Queue \(queue) runs \(limit) tasks, its limit."
        case .userLimit(let queue, let user, let limit):
            "\(user) has \(limit) tasks in queue \(queue), the limit for each user."
        case .projectLimit(let queue, let project, let limit):
            "\(Self.text(project: project)) has \(limit) tasks in queue \(queue), the limit for each project."
        case .quota(let project, let cores, let gpus):
            "\(Self.text(project: project)) holds its quota of \(cores.counted("core")) and \(gpus.counted("GPU"))."
        case .lent(let cores, let gpus):
            "What is free, \(cores.counted("core")) and \(gpus.counted("GPU")), is kept for projects that do not lend."
        case .gang(_, let nodes, let fitting):
            "It starts on \(nodes) nodes together, and \(fitting) \(fitting == 1 ? "has" : "have") room for its part."
        case .noNodes: "No node is there."
        case .behind(let jobs): jobs == 1 ? "One job is looked at before it." : "\(jobs) jobs are looked at before it."
        case .faster(let node, let time):
            "It could start now, but goes faster on nodes like \(node), and will be over sooner if it waits for one, "
                + "until \(time) if all ends as expected."
        case .resources(let shape, let nodes):
            (shape == 0 ? "No node has enough free for it" : "Nor for its alternative \(shape)")
                + (nodes.count == 1 ? "." : " (\(nodes.count) nodes).")
        }
    }
}

extension Dependency.Condition {
    /// Fills "it waits until job 41 has …".
    package var past: String {
        switch self {
        case .succeeded: "succeeded"
        case .failed: "failed"
        case .ended: "ended"
        case .started: "started"
        }
    }
}
