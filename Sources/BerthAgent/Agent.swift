import BerthModel
public import BerthProtocol
import Glibc
public import Logging
public import ServiceLifecycle

/// A node's half of Berth: it joins the controller, starts what it is told to start, and tells what becomes of it, again
/// and again until that is acknowledged. Its processes do not need it: keepers hold them, and the next agent finds them.
public actor Agent: Service {
    /// Holds a stream to the controller until it ends.
    public typealias Connect =
        @Sendable (
            _ outgoing: AsyncStream<AgentFrame>,
            _ serve: @escaping @Sendable (AsyncThrowingStream<ControllerFrame, any Error>) async throws -> Void
        ) async throws -> Void

    private var registration: NodeRegistration
    private let topologyXML: [UInt8]
    private let execution: any Execution
    /// Whether it ends its attempts before it leaves; else they go on for its successor.
    private let stopsJobsOnLeaving: Bool
    private let connect: Connect
    private let logger: Logger
    private let events: AsyncStream<ExecutionEvent>
    private var ledger: AttemptLedger
    private var orders: [AttemptID: AttemptOrder] = [:]
    private var outgoing: AsyncStream<AgentFrame>.Continuation?

    init(
        _ node: LocalNode, execution: any Execution, stopsJobsOnLeaving: Bool, events: AsyncStream<ExecutionEvent>,
        connect: @escaping Connect, logger: Logger
    ) {
        registration = node.registration
        topologyXML = node.topologyXML
        self.stopsJobsOnLeaving = stopsJobsOnLeaving
        self.execution = execution
        self.events = events
        self.connect = connect
        self.logger = logger
        ledger = AttemptLedger(execution.takeOver())
    }

    /// A node whose jobs really run.
    ///
    /// - Parameters:
    ///   - stateDirectory: where attempts, output and checkpoints are kept.
    ///   - keeper: the path of `berth-keeper`.
    ///   - stopsJobsOnLeaving: whether its jobs are told to end when the agent leaves, and it waits until they have.
    public init(
        _ node: LocalNode, stateDirectory: String, keeper: String, stopsJobsOnLeaving: Bool = false,
        connect: @escaping Connect, logger: Logger
    ) throws {
        let (events, continuation) = AsyncStream.makeStream(of: ExecutionEvent.self)
        let execution = try KeeperExecution(
            registration: node.registration, stateDirectory: stateDirectory, keeper: keeper, events: continuation)
        self.init(
            node, execution: execution, stopsJobsOnLeaving: stopsJobsOnLeaving, events: events, connect: connect,
            logger: logger)
    }

    /// A node that only pretends: its jobs last as long as they are expected to, and succeed.
    public init(emulating node: LocalNode, connect: @escaping Connect, logger: Logger) {
        let (events, continuation) = AsyncStream.makeStream(of: ExecutionEvent.self)
        self.init(
            node, execution: EmulatedExecution(events: continuation), stopsJobsOnLeaving: false, events: events,
            connect: connect, logger: logger)
    }

    /// Serves until the group shuts down. Jobs go on, unless they are to end with their agent.
    public func run() async throws {
        await withGracefulShutdownHandler {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { for await event in self.events { await self.take(event) } }
                group.addTask { await self.stayJoined() }
                group.addTask { await self.passReportsOn() }
                await group.next()
                group.cancelAll()
            }
        } onGracefulShutdown: {
            Task { await self.leave() }
        }
    }

    private var isLeaving = false

    private func leave() async {
        if stopsJobsOnLeaving { await stopJobs() }
        isLeaving = true
        outgoing?.finish()
        execution.leave()
    }

    /// Takes no more work, tells what runs to end, and returns when all has ended and, if the controller is there, it
    /// knows.
    private func stopJobs() async {
        registration.isLeaving = true
        outgoing?.finish()  // It joins again at once, and says so.
        for status in ledger.statuses where !status.hasEnded {
            execution.stop(
                status.attempt, reason: .drained, grace: orders[status.attempt]?.grace ?? AttemptOrder.defaultGrace)
        }
        while ledger.statuses.contains(where: { !$0.hasEnded }) {
            do { try await Task.sleep(for: .milliseconds(20)) } catch { return }
        }
        let deadline = ContinuousClock.now + .seconds(5)
        while !ledger.statuses.isEmpty, ContinuousClock.now < deadline {
            do { try await Task.sleep(for: .milliseconds(20)) } catch { return }
        }
    }

    // MARK: - The stream

    /// Joins, and joins again whenever the stream has ended: at once, then after growing waits of at most two seconds.
    private func stayJoined() async {
        var wait = Duration.milliseconds(50)
        var lastProblem: String?
        while !isLeaving, !Task.isCancelled {
            let start = ContinuousClock.now
            do { try await join() } catch {
                // Said once, not at every try.
                let level: Logger.Level = lastProblem == "\(error)" ? .debug : .warning
                lastProblem = "\(error)"
                logger.log(
                    level: level, "There is no stream to the controller; trying again.", metadata: ["error": "\(error)"]
                )
            }
            outgoing = nil
            if ContinuousClock.now - start > .seconds(5) { wait = .milliseconds(50) }
            guard !isLeaving else { return }
            do { try await Task.sleep(for: wait) } catch { return }
            wait = min(wait * 2, .seconds(2))
        }
    }

    private func join() async throws {
        let (frames, continuation) = AsyncStream.makeStream(of: AgentFrame.self)
        continuation.yield(.message(.hello(registration, ledger.statuses), topologyXML: topologyXML))
        outgoing = continuation
        try await connect(frames) { incoming in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for try await frame in incoming {
                    if case .welcome(let interval) = frame {
                        group.addTask {
                            while !Task.isCancelled {
                                try await Task.sleep(for: interval)
                                continuation.yield(.message(.heartbeat))
                            }
                        }
                    }
                    await self.take(frame)
                }
                group.cancelAll()
            }
            continuation.finish()
        }
    }

    private func tell(_ message: AgentMessage) { outgoing?.yield(.message(message)) }

    private func take(_ frame: ControllerFrame) {
        switch frame {
        case .welcome: logger.info("Joined the controller.", metadata: ["node": "\(registration.name)"])
        case .message(.start(let order)):
            guard ledger.accept(order) else { return }
            orders[order.attempt.id] = order
            execution.start(order)
        case .message(.stop(let attempt, let fence, let reason)): stop(attempt, fence: fence, reason)
        case .message(.acknowledge(let attempt, let fence)):
            ledger.acknowledge(attempt, fence: fence)
            guard ledger.status(of: attempt) == nil else { return }
            orders[attempt] = nil
            execution.forget(attempt)
        case .readLog(let request):
            let reader = LogReader(execution: execution)
            let outgoing = outgoing
            Task { outgoing?.yield(.logPart(await reader.read(request))) }
        }
    }

    private func stop(_ attempt: AttemptID, fence: UInt64, _ reason: StopReason) {
        switch ledger.stop(attempt, fence: fence, at: .now) {
        case .stopsProcess:
            // A stale attempt's successor may run already: no grace for it.
            let grace = reason == .stale ? .zero : orders[attempt]?.grace ?? AttemptOrder.defaultGrace
            execution.stop(attempt, reason: reason, grace: grace)
        case .reports(let status): tell(.update(status))
        case .isForgotten: break
        }
    }

    // MARK: - The node's own news

    private func take(_ event: ExecutionEvent) {
        switch event {
        case .launched(let attempt, let launch):
            if let status = ledger.record(launch, of: attempt) { tell(.update(status)) }
        case .ended(let attempt, let end):
            if let status = ledger.record(end, of: attempt) { tell(.update(status)) }
        }
    }

    /// Tells twice a second what jobs say of themselves, while somebody listens; what is left when a job ends comes with
    /// its end.
    private func passReportsOn() async {
        while !Task.isCancelled {
            do { try await Task.sleep(for: .milliseconds(500)) } catch { return }
            guard let outgoing else { continue }
            for status in ledger.statuses where !status.hasEnded {
                for report in execution.newReports(of: status.attempt) {
                    outgoing.yield(.message(.report(attempt: status.attempt, fence: status.fence, report)))
                }
            }
        }
    }
}

extension Timestamp {
    /// The wall clock. The core never asks for it; this is a shell.
    static var now: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    }
}
