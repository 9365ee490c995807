import BerthDevices
public import BerthExecution
import BerthKeeping
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
    /// What tasks have saved here, for other nodes; nil where nothing is saved.
    private let checkpoints: CheckpointServer?
    private let exchange: DataExchange
    private let outputLimits: OutputLimits
    private let warning: WarningWatch?
    /// Whether it ends its attempts before it leaves; else they go on for its successor.
    private let stopsJobsOnLeaving: Bool
    private let connect: Connect
    private let logger: Logger
    private let events: AsyncStream<ExecutionEvent>
    private var ledger: AttemptLedger
    private var orders: [AttemptID: AttemptOrder] = [:]
    private var outgoing: AsyncStream<AgentFrame>.Continuation?
    /// Attempts that have been launched and of which this was not told yet.
    private var launchNews: [AttemptID] = []
    private var toldPools: [PoolStatus] = []

    init(
        _ node: LocalNode, execution: any Execution, stopsJobsOnLeaving: Bool, events: AsyncStream<ExecutionEvent>,
        connect: @escaping Connect, logger: Logger, checkpoints: CheckpointServer? = nil,
        exchange: DataExchange = DataExchange(), outputLimits: OutputLimits = OutputLimits(),
        warning: WarningWatch? = nil
    ) {
        self.checkpoints = checkpoints
        self.exchange = exchange
        self.outputLimits = outputLimits
        self.warning = warning
        registration = node.registration
        registration.takesSuccessors = true
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
    ///   - allowsRoot: whether jobs of root's may run as root, where the agent is root; all others run as their users.
    ///   - stopsJobsOnLeaving: whether its jobs are told to end when the agent leaves, and it waits until they have.
    ///   - outputLimits: how much of jobs' output is kept.
    ///   - modelServers: speaks with the servers of the node's pools.
    ///   - warning: when it comes, the node takes no more work and its jobs are told to end.
    public init(
        _ node: LocalNode, stateDirectory: String, keeper: String, allowsRoot: Bool, stopsJobsOnLeaving: Bool = false,
        outputLimits: OutputLimits = OutputLimits(), modelServers: ModelServerClient, warning: WarningWatch? = nil,
        connect: @escaping Connect, logger: Logger
    ) throws {
        for problem in node.deviceProblems { logger.warning("\(problem)") }
        let exchange = DataExchange()
        let data = try AttemptData(
            stateDirectory: stateDirectory, isForManyUsers: getuid() == 0 && !allowsRoot, source: exchange)
        let isolation = Isolation.established(forAgentIn: stateDirectory)
        var node = node
        node.registration.isolation = isolation.description
        let (events, continuation) = AsyncStream.makeStream(of: ExecutionEvent.self)
        let execution = try KeeperExecution(
            registration: node.registration, stateDirectory: stateDirectory, keeper: keeper, data: data,
            isolation: isolation, allowsRoot: allowsRoot, modelServers: modelServers, meter: Self.meter(for: node),
            events: continuation)
        self.init(
            node, execution: execution, stopsJobsOnLeaving: stopsJobsOnLeaving, events: events, connect: connect,
            logger: logger, checkpoints: CheckpointServer(store: data.checkpoints, hasher: data.hasher),
            exchange: exchange, outputLimits: outputLimits, warning: warning)
    }

    /// Looks at the GPUs of its attempts from now on; nil where there are none of which a driver tells.
    private static func meter(for node: LocalNode) -> GPUMeter? {
        let devices = node.registration.inventory.devices
        let meter = GPUMeter(devices, drivers: GPUDriver.telling(of: devices))
        meter?.start()
        return meter
    }

    /// A node that only pretends: its jobs last as long as they are expected to, and succeed.
    public init(emulating node: LocalNode, connect: @escaping Connect, logger: Logger) {
        let (events, continuation) = AsyncStream.makeStream(of: ExecutionEvent.self)
        self.init(
            node, execution: EmulatedExecution(node: node.registration.name, events: continuation),
            stopsJobsOnLeaving: false, events: events,
            connect: connect, logger: logger)
    }

    /// Serves until the group shuts down. Jobs go on, unless they are to end with their agent.
    public func run() async throws {
        await withGracefulShutdownHandler {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { for await event in self.events { await self.take(event) } }
                group.addTask { await self.stayJoined() }
                group.addTask { await self.passReportsOn() }
                group.addTask { await self.tidyOutput() }
                group.addTask { await self.watchDevices() }
                if let warning { group.addTask { await self.heed(warning) } }
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
            stop(status.attempt, fence: status.fence, .drained)
        }
        while ledger.statuses.contains(where: { !$0.hasEnded }) {
            do { try await Task.sleep(for: .milliseconds(20)) } catch { return }
        }
        let deadline = ContinuousClock.now + .seconds(5)
        while !ledger.statuses.isEmpty, ContinuousClock.now < deadline {
            do { try await Task.sleep(for: .milliseconds(20)) } catch { return }
        }
    }

    /// Leaves the cluster when the outside says that the node will be gone.
    private func heed(_ warning: WarningWatch) async {
        do { try await warning.wait() } catch { return }
        logger.warning("The node is about to be taken away; its jobs are told to end.")
        await stopJobs()
        // Whether it is really taken away is for others to know; until then it stays without work.
        while !Task.isCancelled { try? await Task.sleep(for: .seconds(3600)) }
    }

    /// Takes devices out of service and back in as their drivers and health commands say.
    private func watchDevices() async {
        let devices = registration.isEmulated ? [] : registration.inventory.devices
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for await (device, health) in DeviceHealthCommands(devices).changes() {
                    await self.set(health, of: device)
                }
            }
            for driver in GPUDriver.telling(of: devices) {
                do {
                    let watcher = try DeviceHealthWatcher(devices, of: driver)
                    group.addTask {
                        for await change in watcher.changes() { await self.set(change.health, of: change.device) }
                    }
                } catch {
                    logger.warning("The health of GPUs is not watched.", metadata: ["driver": "\(error)"])
                }
            }
        }
        // The group of tasks that this belongs to ends with its first one.
        while !Task.isCancelled { try? await Task.sleep(for: .seconds(3600)) }
    }

    private func set(_ health: Device.Health, of device: String) {
        guard let place = registration.inventory.devices.firstIndex(where: { $0.name == device }) else { return }
        logger.warning("A device's health is another now.", metadata: ["device": "\(device)", "health": "\(health)"])
        registration.inventory.devices[place].health = health
        registration.inventoryDigest =
            (try? LocalNode.digest(of: registration.inventory)) ?? registration.inventoryDigest
        outgoing?.finish()  // It joins again at once, and says so.
    }

    /// Keeps what jobs write within its limits: looks each second, and each hour for what is old.
    private func tidyOutput() async {
        var second = 0
        while !Task.isCancelled {
            tellOfPools()
            for problem in execution.tidyOutput(within: outputLimits, removesOld: second % 3600 == 0) {
                logger.warning("\(problem)")
            }
            second += 1
            do { try await Task.sleep(for: .seconds(1)) } catch { return }
        }
    }

    /// Tells what has become of the pools, where that is news to this controller.
    private func tellOfPools() {
        let statuses = execution.poolStatuses
        guard statuses != toldPools, let outgoing else { return }
        outgoing.yield(.pools(statuses))
        toldPools = statuses
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
            exchange.use(nil)
            execution.giveUpPrepared(except: ledger.isWaiting)
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
        toldPools = []
        exchange.use(continuation)
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
        // What is ready and stands behind others begins by itself, and so must be recorded before it is ready.
        case .announce(let order): if order.after == nil, ledger.expects(order) { execution.prepare(order) }
        case .message(.start(let order)):
            let acceptance = ledger.accept(order)
            if acceptance != .isKnown { orders[order.attempt.id] = order }
            switch acceptance {
            case .begins: execution.start(order)
            case .waits: execution.prepare(order)
            case .isKnown: break
            }
        case .message(.stop(let attempt, let fence, let reason)): stop(attempt, fence: fence, reason)
        case .message(.acknowledge(let attempt, let fence)):
            ledger.acknowledge(attempt, fence: fence)
            guard ledger.status(of: attempt) == nil else { return }
            orders[attempt] = nil
            execution.forget(attempt)
        case .readData(let question):
            let outgoing = outgoing
            Task {
                let part =
                    await checkpoints?.answer(question.subject)
                    ?? DataPart(problem: "An emulated node keeps no checkpoints.")
                outgoing?.yield(.dataPart(DataAnswer(request: question.request, part: part)))
            }
        case .dataPart(let answer): exchange.take(answer)
        case .readLog(let request):
            let reader = LogReader(execution: execution)
            let outgoing = outgoing
            Task { outgoing?.yield(.logPart(await reader.read(request))) }
        }
    }

    private func stop(_ attempt: AttemptID, fence: UInt64, _ reason: StopReason) {
        if ledger.isWaiting(attempt), !execution.withdraw(attempt) { ledger.begin(attempt) }
        switch ledger.stop(attempt, fence: fence, reason, at: .now) {
        case .stopsProcess:
            let grace = orders[attempt]?.grace(for: reason) ?? (reason == .stale ? .zero : AttemptOrder.defaultGrace)
            execution.stop(attempt, reason: reason, grace: grace)
        case .reports(let status):
            tell(.update(status))
            startDue()
        case .changesNothing: break
        }
    }

    // MARK: - The node's own news

    private func take(_ event: ExecutionEvent) {
        switch event {
        case .launched(let attempt, let launch):
            if ledger.record(launch, of: attempt) != nil { tellSoon(attempt) }
        case .ended(let attempt, let end):
            if let status = ledger.record(end, of: attempt) { tell(.update(status)) }
            startDue()
        }
    }

    private func startDue() {
        for order in ledger.takeDue() { execution.start(order) }
    }

    /// News of a launch waits this long for the attempt's end, so that what is over in no time is told, and recorded,
    /// once.
    private static let launchNewsDelay = Duration.milliseconds(2)

    private func tellSoon(_ attempt: AttemptID) {
        launchNews.append(attempt)
        guard launchNews.count == 1 else { return }
        Task {
            try? await Task.sleep(for: Self.launchNewsDelay)
            for attempt in launchNews {
                if let status = ledger.status(of: attempt), !status.hasEnded { tell(.update(status)) }
            }
            launchNews = []
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
