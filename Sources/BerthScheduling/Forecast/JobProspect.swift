public import BerthModel
public import BerthPlanner

/// What a waiting job can expect.
public struct JobProspect: Sendable {
    public var prediction: StartPrediction
    /// What its place in line comes from, and how many jobs stand before it; nil where it is not in line.
    public var priority: JobPriority?
    public var jobsAhead: Int?
    /// Earlier starts that one change of its own request would bring, the earliest first.
    public var alternatives: [Alternative]

    /// When the job would start if it were submitted anew with one change.
    public struct Alternative: Hashable, Sendable {
        public var start: Timestamp
        public var change: RequestChange
    }

    static let mostAlternatives = 5
}

extension ClusterPlanner {
    /// When a waiting job is expected to start, and what would make it start earlier.
    ///
    /// - Complexity: twice `bounds.steps`, once for the prediction and once for all alternatives together.
    public mutating func prospect(
        of job: Job, in cluster: Cluster, at now: Timestamp, _ bounds: ForecastBounds = ForecastBounds()
    ) -> JobProspect {
        let place = place(of: job.id, in: cluster, at: now)
        let prediction = forecast(cluster, at: now, bounds).start(of: job.id)
        return JobProspect(
            prediction: prediction, priority: place?.priority, jobsAhead: place?.jobsAhead,
            alternatives: alternatives(of: job, before: prediction.undisturbed, in: cluster, at: now, bounds))
    }

    private mutating func alternatives(
        of job: Job, before start: Timestamp?, in cluster: Cluster, at now: Timestamp, _ bounds: ForecastBounds
    ) -> [JobProspect.Alternative] {
        let configuration = cluster.configuration
        let nodes = cluster.nodes.values.filter(\.takesWork).sorted { $0.name < $1.name }
        if start == now { return [] }
        let changes = RequestChange.all(of: job.specification, nodes: nodes, queues: configuration.queues).filter {
            isAllowed($0.specification, in: cluster, at: now)
        }
        var shares = bounds
        shares.steps = max(4_000, 4 * bounds.steps / max(changes.count, 1))
        let forecast = forecast(cluster, at: now, shares)
        var earliest: [RequestChange.Kind: Timestamp] = [:]
        var alternatives: [JobProspect.Alternative] = []
        for change in changes {
            // A larger change is worth telling only where it brings more than a smaller one of its kind.
            let limit = (earliest[change.kind] ?? start).map { $0 - .microseconds(1) }
            let terms = WaitingTerms(change.specification, of: job, in: configuration)
            guard let time = forecast.start(of: job.id, anewWith: terms, by: limit) else { continue }
            earliest[change.kind] = time
            alternatives.append(JobProspect.Alternative(start: time, change: change))
        }
        let order = alternatives.enumerated().sorted { ($0.element.start, $0.offset) < ($1.element.start, $1.offset) }
        return order.prefix(JobProspect.mostAlternatives).map(\.element)
    }

    /// Whether a submission of this would be taken: its queue allows it, and some node could run it.
    private mutating func isAllowed(_ specification: JobSpecification, in cluster: Cluster, at now: Timestamp) -> Bool {
        guard let queue = cluster.configuration.queue(specification.queue) else { return false }
        if let limit = queue.maximumTime, let asked = specification.timeLimit, asked > limit { return false }
        return nearestMiss(for: specification, in: cluster, at: now) == nil
    }
}

extension WaitingTerms {
    /// Those of a job if it were submitted with another description.
    fileprivate init(_ specification: JobSpecification, of job: Job, in configuration: ClusterConfiguration) {
        self.init(
            shapes: specification.taskShapes(in: configuration), queue: specification.queue,
            user: job.submission.user, project: specification.project, name: specification.name,
            expectedTime: specification.expectedTime,
            timeLimit: specification.timeLimit(in: configuration.queue(specification.queue)))
    }
}
