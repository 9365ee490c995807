public import BerthModel

/// Submissions: accepted whole, or refused with the reason.
extension Dispatcher {
    public struct SubmissionKey: Hashable, Sendable {
        public var user: String
        public var key: String

        public init(user: String, key: String) {
            self.user = user
            self.key = key
        }
    }

    public struct SubmissionRequest: Sendable {
        public var jobs: [RequestedJob]
        public var user: String
        public var key: String
        /// Of everything that was asked for; the same key with another digest is refused.
        public var contentDigest: String

        public init(jobs: [RequestedJob], user: String, key: String, contentDigest: String) {
            self.jobs = jobs
            self.user = user
            self.key = key
            self.contentDigest = contentDigest
        }
    }

    /// A job of a submission; `dependsOn` names others of the same submission by their places.
    public struct RequestedJob: Sendable {
        public var specification: JobSpecification
        public var dependsOn: [(place: Int, condition: Dependency.Condition)]

        public init(_ specification: JobSpecification, dependsOn: [(place: Int, condition: Dependency.Condition)] = [])
        {
            self.specification = specification
            self.dependsOn = dependsOn
        }
    }

    /// Accepts jobs, all of them or none.
    ///
    /// - Returns: their ids in order; those of the first submission if its key was used with the same content.
    public mutating func submit(_ request: SubmissionRequest, history: some History, at now: Timestamp)
        throws(Refusal) -> [Job.ID]
    {
        let key = SubmissionKey(user: request.user, key: request.key)
        if let earlier = try pastSubmission(key, history) {
            guard earlier.contentDigest == request.contentDigest else {
                throw .keyReused(request.key, jobs: earlier.jobs)
            }
            return earlier.jobs
        }
        guard !request.jobs.isEmpty else { throw .invalid("The submission holds no job.") }
        try refuseCycles(request.jobs)
        let first = cluster.nextJob.number
        var submissions: [Submission] = []
        for (place, requested) in request.jobs.enumerated() {
            var specification = requested.specification
            let siblings = requested.dependsOn.map { dependency in
                Dependency(job: Job.ID(first + UInt64(dependency.place)), condition: dependency.condition)
            }
            let unmet = try unmetDependencies(of: specification, history: history) + siblings
            specification.dependencies += siblings
            try check(specification, at: now)
            submissions.append(
                Submission(
                    id: Job.ID(first + UInt64(place)), specification: specification, user: request.user,
                    submitTime: now,
                    key: request.key, contentDigest: request.contentDigest, unmetDependencies: unmet))
        }
        for submission in submissions { record(.submitted(submission), at: now) }
        let ids = submissions.map(\.id)
        holdBack(ids, at: now)
        newSubmissions[key] = PastSubmission(contentDigest: request.contentDigest, jobs: ids)
        return ids
    }

    private func pastSubmission(_ key: SubmissionKey, _ history: some History) throws(Refusal) -> PastSubmission? {
        if let new = newSubmissions[key] { return new }
        return try history.submission(key)
    }

    func endState(of job: Job.ID, _ history: some History) throws(Refusal) -> EndState? {
        if let new = newlyEnded[job] { return new }
        return try history.endState(of: job)
    }

    private func refuseCycles(_ jobs: [RequestedJob]) throws(Refusal) {
        var finished: Set<Int> = []
        for start in jobs.indices where !finished.contains(start) {
            var path: [(place: Int, next: Int)] = [(start, 0)]
            while let (place, next) = path.last {
                guard next < jobs[place].dependsOn.count else {
                    finished.insert(place)
                    path.removeLast()
                    continue
                }
                path[path.count - 1].next += 1
                let target = jobs[place].dependsOn[next].place
                if let loop = path.firstIndex(where: { $0.place == target }) {
                    let names = (path[loop...].map(\.place) + [target]).map { jobs[$0].specification.name }
                    throw .cyclicDependency(names)
                }
                if !finished.contains(target) { path.append((target, 0)) }
            }
        }
    }

    private func unmetDependencies(
        of specification: JobSpecification, history: some History
    ) throws(Refusal) -> [Dependency] {
        var unmet: [Dependency] = []
        for dependency in specification.dependencies {
            if let job = cluster.jobs[dependency.job] {
                if dependency.condition != .started || !job.hasStarted { unmet.append(dependency) }
            } else if let state = try endState(of: dependency.job, history) {
                guard dependency.condition.isMet(by: state) else {
                    throw .dependencyFailed(dependency.job, state, dependency.condition)
                }
            } else {
                throw .noJob(dependency.job)
            }
        }
        return unmet
    }

    /// Refuses what its queue does not allow and what no node could ever run.
    package mutating func check(_ specification: JobSpecification, at now: Timestamp) throws(Refusal) {
        let configuration = cluster.configuration
        guard let queue = configuration.queue(specification.queue) else {
            throw .noQueue(specification.queue, known: configuration.queues.map(\.name))
        }
        if let limit = queue.maximumTime, let asked = specification.timeLimit, asked > limit {
            throw .timeOverQueueLimit(asked: asked, limit: limit, queue: queue.name)
        }
        if let asked = specification.grace, asked > queue.maximumGrace {
            throw .graceOverQueueLimit(asked: asked, limit: queue.maximumGrace, queue: queue.name)
        }
        if let deadline = specification.deadline, deadline <= now { throw .deadlinePassed(deadline) }
        if let pool = specification.pool {
            let offered = cluster.nodes.values.flatMap { $0.registration.pools ?? [] }
            let known = Set(offered.map(\.name)).sorted()
            guard known.contains(pool) else { throw .noPool(pool, known: known) }
            guard specification.model == nil || offered.contains(where: { $0.name == pool && $0.server != nil }) else {
                throw .invalid(
                    "The job names a model, and the pool \"\(pool)\" has no model server. Leave the model out.")
            }
        } else if specification.model != nil {
            throw .invalid("The job names a model and no pool that has it. Name the pool, with --pool.")
        }
        try refuseUnknownDevices(specification)
        if let miss = planner.nearestMiss(for: specification, in: cluster, at: now) {
            throw .neverFits(node: miss.node, shortfalls: miss.shortfalls, nodes: cluster.nodes.count)
        }
    }

    /// Refuses kinds of devices that no node has had, if every shape asks for one.
    private func refuseUnknownDevices(_ specification: JobSpecification) throws(Refusal) {
        guard specification.shapes.allSatisfy({ !$0.devices.isEmpty }) else { return }
        let known = Set(cluster.nodes.values.flatMap { $0.inventory.devices.map(\.kind) })
        let unknown = specification.shapes.map { shape in
            shape.devices.map(\.kind).first { !known.contains($0) }
        }
        guard !cluster.nodes.isEmpty, let first = unknown.first, let kind = first, unknown.allSatisfy({ $0 != nil })
        else { return }
        throw .noDeviceKind(kind, known: known.sorted())
    }
}

extension Dependency.Condition {
    /// Whether a job that has ended so meets it.
    func isMet(by state: EndState) -> Bool {
        switch self {
        case .succeeded: state == .succeeded
        case .failed: state == .failed || state == .timedOut
        case .ended, .started: true
        }
    }
}
