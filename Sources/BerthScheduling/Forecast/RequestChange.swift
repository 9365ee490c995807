public import BerthModel

/// One thing that a user could ask for instead.
public struct RequestChange: Hashable, Sendable {
    /// What it is about.
    public enum Kind: String, Hashable, Sendable, Codable {
        case gpus, cores, memory, locality, constraints, exclusive, nodes, queue, time
    }

    public var kind: Kind
    /// As it is written on the command line: `--gpus 3`, `without --exclusive`.
    public var option: String
    /// The whole description with the change.
    public var specification: JobSpecification

    private init(
        _ kind: Kind, _ option: String, of specification: JobSpecification, _ change: (inout JobSpecification) -> Void
    ) {
        self.kind = kind
        self.option = option
        self.specification = specification
        change(&self.specification)
    }

    /// What may be worth asking: each changes one thing, and each kind begins with the smallest change.
    ///
    /// - Parameter nodes: whose free amounts suggest what to ask for.
    static func all(of job: JobSpecification, nodes: [Node], queues: [Queue]) -> [RequestChange] {
        gpus(job) + cores(job, nodes) + memory(job, nodes) + dropped(job) + gang(job) + otherQueues(job, queues)
            + times(job, queues.first { $0.name == job.queue })
    }

    private static func gpus(_ job: JobSpecification) -> [RequestChange] {
        guard let asked = job.resources.gpus?.thousandths else { return [] }
        let whole = asked / GPURequest.whole
        let fewer =
            asked > GPURequest.whole
            ? (1..<max(2, whole)).reversed().prefix(15).map { $0 * GPURequest.whole } : asked > 500 ? [500] : []
        return fewer.map { thousandths in
            let text = thousandths < GPURequest.whole ? "0.5" : "\(thousandths / GPURequest.whole)"
            return RequestChange(.gpus, "--gpus \(text)", of: job) { $0.resources.gpus?.thousandths = thousandths }
        }
    }

    private static func cores(_ job: JobSpecification, _ nodes: [Node]) -> [RequestChange] {
        let asked = job.resources.cpus
        let free = nodes.map { node in
            job.resources.countsThreads
                ? node.free.cpus.count : node.inventory.cores.count { $0.cpus.isSubset(of: node.free.cpus) }
        }
        return smaller(than: asked, among: free).map { count in
            RequestChange(.cores, "--cpus \(count)", of: job) { $0.resources.cpus = count }
        }
    }

    private static func memory(_ job: JobSpecification, _ nodes: [Node]) -> [RequestChange] {
        guard let asked = job.resources.memoryBytes else { return [] }
        let mebibyte: Int64 = 1 << 20
        let gibibyte: Int64 = 1 << 30
        let free = nodes.map { Int($0.free.memoryBytes / mebibyte) }
        return smaller(than: Int(asked / mebibyte), among: free).map { mebibytes in
            let bytes = Int64(mebibytes) * mebibyte
            // What people write is whole GiB where that is little less.
            let rounded = bytes >= 8 * gibibyte ? bytes / gibibyte * gibibyte : bytes
            let text = rounded % gibibyte == 0 ? "\(rounded / gibibyte)GiB" : "\(rounded / mebibyte)MiB"
            return RequestChange(.memory, "--memory \(text)", of: job) { $0.resources.memoryBytes = rounded }
        }
    }

    /// The three largest amounts that some node has free and half of what is asked, the largest first.
    private static func smaller(than asked: Int, among free: [Int]) -> [Int] {
        let offered = Set(free).filter { $0 > 0 && $0 < asked }.sorted(by: >).prefix(3)
        return Set(offered + (asked >= 2 ? [asked / 2] : [])).sorted(by: >)
    }

    /// Demands that it could do without.
    private static func dropped(_ job: JobSpecification) -> [RequestChange] {
        var changes: [RequestChange] = []
        if job.resources.locality.level != .node, !job.resources.locality.isWish {
            changes.append(
                RequestChange(.locality, "--locality \(job.resources.locality.level.rawValue)?", of: job) {
                    $0.resources.locality.isWish = true
                })
        }
        if !job.constraints.isEmpty {
            changes.append(RequestChange(.constraints, "without --constraint", of: job) { $0.constraints = [] })
        }
        if job.resources.isExclusive {
            changes.append(
                RequestChange(.exclusive, "without --exclusive", of: job) { $0.resources.isExclusive = false })
        }
        return changes
    }

    private static func gang(_ job: JobSpecification) -> [RequestChange] {
        let asked = job.resources.nodes
        guard asked > 1 else { return [] }
        return Set((1..<asked).suffix(4) + [asked / 2]).sorted(by: >).map { count in
            RequestChange(.nodes, "--nodes \(count)", of: job) { $0.resources.nodes = count }
        }
    }

    private static func otherQueues(_ job: JobSpecification, _ queues: [Queue]) -> [RequestChange] {
        queues.filter { $0.name != job.queue }.map { queue in
            RequestChange(.queue, "--queue \(queue.name)", of: job) { $0.queue = queue.name }
        }
    }

    /// Limits with which it may be over before what it would otherwise delay.
    private static func times(_ job: JobSpecification, _ queue: Queue?) -> [RequestChange] {
        let limit = job.timeLimit(in: queue) ?? .seconds(86_400)
        return [2, 4, 8, 16].compactMap { part in
            let minutes = limit.microseconds / Int64(part) / 60_000_000
            guard minutes > 0 else { return nil }
            let text = minutes % 60 == 0 ? "\(minutes / 60)h" : "\(minutes)m"
            return RequestChange(.time, "--time \(text)", of: job) { $0.timeLimit = .seconds(minutes * 60) }
        }
    }
}
