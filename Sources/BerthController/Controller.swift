public import BerthJournal
public import BerthModel
import BerthProtocol
public import BerthScheduling
public import Logging
public import ServiceLifecycle

/// Owns the cluster. Everything that anyone wants changed goes through rounds: a round takes in all that has arrived,
/// lets the pure `Dispatcher` decide and plan, makes the events durable in one commit, and only then answers and sends.
/// What arrives while a commit runs is the next round.
public actor Controller: Service {
    let journal: Journal
    /// What readers ask: everything in it is durable.
    public nonisolated var history: Journal { journal }
    let secrets: SecretStore
    /// What is left of attempts' output when their nodes are gone.
    public nonisolated let outputTails: OutputTailStore
    /// The files that go along with jobs.
    public nonisolated let stagedFiles: StagedFileStore
    let logger: Logger
    private let configuration: ClusterConfiguration
    private let timing: Dispatcher.Timing
    var heartbeatInterval: Duration { timing.heartbeatInterval }
    private let now: @Sendable () -> Timestamp
    private var dispatcher: Dispatcher
    /// What waits for the next round.
    private var inbox: [Request] = []
    private let wakeUps: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation
    /// Wakes the controller when there is something to do by itself.
    private var alarm: (time: Timestamp, task: Task<Void, Never>)?
    var links: [NodeName: AgentLink] = [:]
    /// What agents have said of their pools last.
    public internal(set) var pools: [NodeName: [PoolStatus]] = [:]
    var nextSession: UInt64
    var nextLogRequest: UInt64 = 1
    var dataRelay = DataRelay()
    private var watchers: [Job.ID: [UInt64: Watcher]] = [:]
    private var nextWatcher: UInt64 = 1
    /// Foresees how long a job will wait.
    var foreseeing: Task<Void, Never>?

    /// Somebody who waits for a job.
    private struct Watcher {
        var continuation: CheckedContinuation<Void, Never>
        /// Whether only the job's end is of interest.
        var waitsForEnd: Bool
    }

    /// One thing to do in a round.
    private struct Request {
        /// Decides, and gives back what to answer once the round is durable.
        var decide: (inout Dispatcher, Timestamp) -> @Sendable () -> Void
        /// Answers instead when the round could not be recorded.
        var fail: @Sendable (Refusal) -> Void
    }

    /// Takes over from the journal: the cluster is what its events add up to.
    ///
    /// - Throws: a `JournalError` if the journal cannot be replayed.
    public init(
        journal: Journal, secrets: SecretStore, outputTails: OutputTailStore, stagedFiles: StagedFileStore,
        configuration: ClusterConfiguration, timing: Dispatcher.Timing, now: @escaping @Sendable () -> Timestamp,
        logger: Logger
    ) throws {
        self.journal = journal
        self.secrets = secrets
        self.outputTails = outputTails
        self.stagedFiles = stagedFiles
        self.configuration = configuration
        self.timing = timing
        self.now = now
        self.logger = logger
        let (cluster, sequence) = try journal.replay()
        let start = now()
        dispatcher = Dispatcher(cluster, timing: timing, at: start)
        dispatcher.configure(configuration, at: start)
        try secrets.forgetUnused(by: cluster.jobs.values)
        stagedFiles.forgetUnused(by: cluster.jobs.values)
        // Sessions of this controller are higher than any of the one before it, clock jumps aside.
        nextSession = UInt64(clamping: start.microseconds)
        (wakeUps, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        logger.info(
            "The journal is replayed.",
            metadata: ["events": "\(sequence)", "jobs": "\(cluster.jobs.count)", "nodes": "\(cluster.nodes.count)"])
    }

    /// Works rounds until the group shuts down; then closes the journal.
    public func run() async throws {
        wake.yield()
        for await _ in wakeUps.cancelOnGracefulShutdown() { try await round() }
        alarm?.task.cancel()
        foreseeing?.cancel()
        for request in inbox { request.fail(.unavailable("The controller is shutting down. Try again.")) }
        inbox = []
        for link in links.values { link.finish() }
        try journal.close(dispatcher.cluster)
    }

    public var cluster: Cluster { dispatcher.cluster }
    /// The mind as it is now: a copy, for questions that take their time elsewhere.
    var fork: Dispatcher { dispatcher }
    var time: Timestamp { now() }

    // MARK: - Rounds

    private func round() async throws {
        let requests = inbox
        inbox = []
        let time = now()
        let answers = requests.map { $0.decide(&dispatcher, time) }
        let next = dispatcher.settle(at: time)
        let events = dispatcher.takeEvents()
        let messages = dispatcher.takeMessages()
        do {
            if !events.isEmpty { announce(messages) }
            if !events.isEmpty { try await journal.append(events, at: time) }
        } catch {
            try await recover(from: error, refusing: requests)
            return
        }
        for outgoing in messages { deliver(outgoing) }
        for answer in answers { answer() }
        for case .nodeLost(let node) in events {
            // If its agent lives after all, it joins anew and says what it has.
            links.removeValue(forKey: node)?.finish()
        }
        for job in Set(events.compactMap(\.job)) { notifyWatchers(of: job) }
        foreseeWait(after: events, at: time)
        wake(at: next)
        do { try await journal.takeSnapshotIfDue(dispatcher.cluster) } catch {
            logger.warning("No snapshot could be taken; a restart will take longer.", metadata: ["error": "\(error)"])
        }
    }

    /// Nothing of the round has happened: the cluster is rebuilt from what is durable, and everybody is told.
    private func recover(from error: any Error, refusing requests: [Request]) async throws {
        logger.error("A round could not be recorded; nothing of it is true.", metadata: ["error": "\(error)"])
        for request in requests {
            request.fail(.unavailable("The journal cannot take it in: \(error) Nothing was changed."))
        }
        // Agents say hello again and repeat what was not acknowledged.
        for link in links.values { link.finish() }
        links = [:]
        dispatcher = Dispatcher(try journal.replay().cluster, timing: timing, at: now())
        dispatcher.configure(configuration, at: now())
        wake(at: now() + .seconds(1))
    }

    private func wake(at time: Timestamp?) {
        guard let time else { return }
        // Alarms move on with every heartbeat: one that goes off early costs less than a new one in each round.
        let now = now()
        if let alarm, now < alarm.time, alarm.time <= time { return }
        alarm?.task.cancel()
        let wait = max(time - now, .milliseconds(1))
        alarm = (
            time,
            Task {
                do { try await Task.sleep(for: wait) } catch { return }
                ring()
            }
        )
    }

    private func ring() {
        alarm = nil
        wake.yield()
    }

    /// Has `decide` done in the next round, and returns its answer when that round is durable.
    func inRound<Answer: Sendable>(
        _ decide: @escaping @Sendable (inout Dispatcher, Timestamp) throws(Refusal) -> Answer
    ) async throws -> Answer {
        try await withCheckedThrowingContinuation { continuation in
            inbox.append(
                Request(
                    decide: { dispatcher, time in
                        do throws(Refusal) {
                            let answer = try decide(&dispatcher, time)
                            return { continuation.resume(returning: answer) }
                        } catch {
                            return { continuation.resume(throwing: error) }
                        }
                    }, fail: { continuation.resume(throwing: $0) }))
            wake.yield()
        }
    }

    /// Takes in what an agent says.
    func takeIn(_ message: AgentMessage, from node: NodeName, session: UInt64) {
        inNextRound { dispatcher, time in dispatcher.receive(message, from: node, session: session, at: time) }
    }

    /// Has `decide` done in the next round; nobody waits for it.
    func inNextRound(_ decide: @escaping @Sendable (inout Dispatcher, Timestamp) -> Void) {
        inbox.append(
            Request(
                decide: { dispatcher, time in
                    decide(&dispatcher, time)
                    return {}
                }, fail: { _ in }))
        wake.yield()
    }

    private func link(of outgoing: Dispatcher.Outgoing) -> AgentLink? {
        links[outgoing.node].flatMap { $0.session == outgoing.session ? $0 : nil }
    }

    /// Has agents get ready for what is recorded meanwhile, but for what waits there: that they get ready in time. If it cannot be recorded, all streams end, and they give it up.
    private func announce(_ messages: [Dispatcher.Outgoing]) {
        for outgoing in messages {
            guard case .start(let order) = outgoing.message, order.after == nil, let link = link(of: outgoing),
                link.hearsAnnouncements,
                let complete = try? complete(order)
            else { continue }
            link.send(.announce(complete))
        }
    }

    /// With its secrets.
    private func complete(_ order: AttemptOrder) throws -> AttemptOrder {
        var order = order
        order.specification.environment = try secrets.revealed(order.specification.environment)
        return order
    }

    private func deliver(_ outgoing: Dispatcher.Outgoing) {
        guard let link = link(of: outgoing) else { return }
        guard case .start(let order) = outgoing.message else {
            link.send(.message(outgoing.message))
            return
        }
        do { link.send(.message(.start(try complete(order)))) } catch {
            logger.error("A secret is missing.", metadata: ["attempt": "\(order.attempt.id)", "error": "\(error)"])
            let end = AttemptEnd(cause: .launchFailed, message: "\(error)", endTime: now())
            let status = AttemptStatus(
                attempt: order.attempt.id, fence: order.attempt.fence, phase: .ended(end, launch: nil))
            takeIn(.update(status), from: outgoing.node, session: outgoing.session)
        }
    }

    // MARK: - Waiting for a job

    /// Returns when something has happened to `job`, or it has ended, or after `wait`.
    ///
    /// - Parameter waitsForEnd: whether to sleep through everything but the end.
    public func change(of job: Job.ID, within wait: Duration, waitsForEnd: Bool = false) async {
        let number = nextWatcher
        nextWatcher += 1
        let alarm = Task {
            try? await Task.sleep(for: wait)
            endWatch(of: job, number)
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if Task.isCancelled || (waitsForEnd && cluster.jobs[job] == nil) {
                    continuation.resume()
                } else {
                    watchers[job, default: [:]][number] = Watcher(continuation: continuation, waitsForEnd: waitsForEnd)
                }
            }
        } onCancel: {
            Task { await endWatch(of: job, number) }
        }
        alarm.cancel()
    }

    private func endWatch(of job: Job.ID, _ number: UInt64) {
        watchers[job]?.removeValue(forKey: number)?.continuation.resume()
        if watchers[job]?.isEmpty == true { watchers[job] = nil }
    }

    private func notifyWatchers(of job: Job.ID) {
        guard let all = watchers.removeValue(forKey: job) else { return }
        let patient = cluster.jobs[job] == nil ? [:] : all.filter(\.value.waitsForEnd)
        if !patient.isEmpty { watchers[job] = patient }
        for (number, watcher) in all where patient[number] == nil { watcher.continuation.resume() }
    }
}
