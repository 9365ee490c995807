package import BerthKeeping
package import BerthModel
import CLinux
import Foundation
import Glibc
import Synchronization

/// Attempts as processes, each under a keeper of its own.
package final class KeeperExecution: Execution {
    private let registration: NodeRegistration
    private let nursery: KeeperNursery
    private let events: AsyncStream<ExecutionEvent>.Continuation
    private let watcher: DescriptorWatcher
    private let attemptsPath: String
    /// The same place by a path that is short enough for a socket's.
    private let shortAttemptsPath: String
    private let logsPath: String
    private let data: AttemptData
    private let isolation: Isolation
    private let users: JobUsers
    private let pools: WarmPools
    private let meter: (any AcceleratorMeter)?
    private let live = Mutex<[AttemptID: Live]>([:])

    /// An attempt between its order and its end.
    private struct Live {
        var directory: AttemptDirectory
        var order: AttemptOrder
        /// As whom it runs; nil as the agent's own user.
        var user: JobUser?
        /// How it was to start, where its job names a pool.
        var pool: PoolUse?
        /// What its job finds of its model server.
        var serverVariables: [String: String] = [:]
        var handle: KeeperHandle?
        /// Ends when what the attempt needs is here.
        var preparing: Task<Void, Never>?
        /// Told to end before there was a process.
        var stop: (reason: StopReason, grace: Duration)?
    }

    /// - Parameters:
    ///   - isolation: `Isolation.established(forAgentIn:)` of this state directory.
    ///   - allowsRoot: whether a job of root's may run as root.
    ///   - modelServers: speaks with the servers of the node's pools.
    ///   - meter: measures what attempts use of their GPUs; nil where no driver tells.
    package init(
        registration: NodeRegistration, stateDirectory: String, keeper: String, data: AttemptData,
        isolation: Isolation, allowsRoot: Bool, modelServers: ModelServerClient, meter: (any AcceleratorMeter)? = nil,
        events: AsyncStream<ExecutionEvent>.Continuation
    ) throws {
        self.meter = meter
        self.isolation = isolation
        users = JobUsers(allowsRoot: allowsRoot)
        self.registration = registration
        self.data = data
        self.events = events
        attemptsPath = try RuntimeDirectory.attempts(of: stateDirectory)
        shortAttemptsPath = try ShortPath.of(attemptsPath, room: 47)
        logsPath = stateDirectory + "/logs"
        try FileManager.default.createDirectory(
            atPath: logsPath, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        watcher = try DescriptorWatcher()
        nursery = KeeperNursery(program: keeper, attempts: attemptsPath, log: logsPath + "/keepers.log")
        pools = WarmPools(
            registration, parent: attemptsPath, shortParent: shortAttemptsPath, logs: logsPath, keeper: keeper,
            isolation: isolation, client: modelServers)
    }

    package func outputFile(of attempt: AttemptID, isStandardError: Bool) -> String {
        logsPath + "/\(attempt)." + (isStandardError ? "err" : "out")
    }

    package func owner(of user: String) throws -> FileOwner? { try users.user(of: user)?.owner }

    package func mayWrite(_ attempt: AttemptID) -> Bool { live.withLock { $0[attempt] != nil } }

    // MARK: - Taking over

    package func takeOver() -> [AttemptStatus] {
        let directories = (try? AttemptDirectory.all(in: attemptsPath)) ?? []
        // What runs in a group without a keeper was left by one that was killed, or by a cleared-away directory.
        isolation.clear(except: pools.groupNames.union(directories.filter(\.keeper.isAlive).map { "\($0.id)" }))
        return directories.compactMap { directory in
            // What was never launched is forgotten: the controller orders it again, if it still wants it.
            guard let order = try? directory.order(), directory.wasLaunched else {
                if let order = try? directory.order(), needsHooks(order) { _ = hooks(order, directory).stop() }
                directory.remove()
                return nil
            }
            return AttemptStatus(
                attempt: order.attempt.id, fence: order.attempt.fence, phase: takeOver(directory, order))
        }
    }

    private func takeOver(_ directory: AttemptDirectory, _ order: AttemptOrder) -> AttemptStatus.Phase {
        let id = order.attempt.id
        let handle = directory.keeper
        let isAlive = handle.isAlive
        let record = try? handle.record()
        if isAlive, let launch = try? handle.order() { pools.adopt(id, launch) }
        if let record, case .running = record.phase, isAlive {
            live.withLock { $0[id] = Live(directory: directory, order: order, handle: handle) }
            measure(handle, id)
            watch(record.keeper.id, id)
            return .running(launch(record, directory, order))
        }
        if isAlive {
            // The keeper is about to start its job: its record will tell.
            live.withLock { $0[id] = Live(directory: directory, order: order, handle: handle) }
            Thread.detachNewThread { [self] in awaitFirstRecord(handle, id) }
            return .ordered
        }
        var end = end(of: record, handle, directory, order)
        stopDevices(of: order, directory, &end)
        return .ended(end, launch: record?.job == nil ? nil : record.map { launch($0, directory, order) })
    }

    private func awaitFirstRecord(_ handle: KeeperHandle, _ id: AttemptID) {
        while handle.isAlive {
            if let record = try? handle.record() {
                began(record, id)
                return watch(record.keeper.id, id)
            }
            usleep(2000)
        }
        keeperEnded(id)
    }

    // MARK: - Starting

    package func start(_ order: AttemptOrder) {
        let id = order.attempt.id
        let directory = AttemptDirectory(id: id, path: attemptsPath + "/\(id)")
        live.withLock { $0[id] = Live(directory: directory, order: order) }
        let user: JobUser?
        do { user = try users.user(of: order.user) } catch {
            return finish(id, AttemptEnd(cause: .launchFailed, message: "\(error)", endTime: .now))
        }
        live.withLock { $0[id]?.user = user }
        if needsHooks(order) { return launchAfterHooks(order, in: directory, for: user) }
        guard data.mustPrepare(order) || pools.mustPrepare(order) else {
            return launch(order, in: directory, for: user, AttemptData.Preparation())
        }
        // Reading large inputs, fetching checkpoints and waiting for a model server must hold nobody else up.
        let preparing = Task { [self] in
            guard let preparation = await prepare(order, for: user) else { return }
            launch(order, in: directory, for: user, preparation)
        }
        live.withLock { $0[id]?.preparing = preparing }
    }

    private func launch(
        _ order: AttemptOrder, in directory: AttemptDirectory, for user: JobUser?,
        _ preparation: AttemptData.Preparation
    ) {
        let id = order.attempt.id
        var fault = AttemptEnd.Fault.node
        do {
            if let problem = preparation.problem { throw ExecutionProblem(problem) }
            try directory.create(for: order, user: user)
            try directory.keep(preparation)
            if let files = order.specification.staged {
                try data.staged.lay(files, in: directory.path + "/inputs", for: user?.owner)
            }
            fault = .job  // Results are published where the job says.
            try data.publication(of: order, for: user?.owner)?.prepare()
            if let stop = live.withLock({ $0[id]?.stop }) {
                finish(
                    id,
                    AttemptEnd(
                        cause: .stopped, message: "It was stopped (\(stop.reason.rawValue)) before it started.",
                        endTime: .now))
                return
            }
            // Checkpoints lie where the job says, if it says anything.
            fault = order.specification.checkpointDirectory == nil ? .node : .job
            let launchOrder = try keeperOrder(order, directory, user)
            fault = .node
            let answers = try nursery.launch(launchOrder, in: directory.path)
            live.withLock { $0[id]?.handle = directory.keeper }
            listen(to: answers, of: id)
        } catch {
            finish(id, AttemptEnd(cause: .launchFailed, message: "\(error)", endTime: .now, fault: fault))
        }
    }

    /// - Returns: nil where the attempt has ended by it. One that is told to stop meanwhile ends in its launch.
    private func prepare(_ order: AttemptOrder, for user: JobUser?) async -> AttemptData.Preparation? {
        let id = order.attempt.id
        let preparation =
            data.mustPrepare(order) ? await data.prepare(order, for: user?.owner) : AttemptData.Preparation()
        do {
            let numaNodes = numaNodes(of: order.allocation(on: registration.name))
            let served = try await pools.prepare(order, for: user, numaNodes: numaNodes) { givenMemory }
            if let served {
                live.withLock { live in
                    live[id]?.pool = served.use
                    live[id]?.serverVariables = served.variables
                }
            }
        } catch is CancellationError {
            return preparation
        } catch {
            finish(id, AttemptEnd(cause: .launchFailed, message: "\(error)", endTime: .now))
            return nil
        }
        return preparation
    }

    private func needsHooks(_ order: AttemptOrder) -> Bool {
        DeviceHooks.isNeeded(order.allocation(on: registration.name), on: registration.inventory.devices)
    }

    private func hooks(_ order: AttemptOrder, _ directory: AttemptDirectory) -> DeviceHooks {
        let environment = AttemptEnvironment(
            order: order, registration: registration,
            checkpointDirectory: data.checkpoints.directory(of: order.attempt.id.task),
            socketPath: shortAttemptsPath + "/\(order.attempt.id)/s")
        return DeviceHooks(
            order.allocation(on: registration.name), on: registration.inventory.devices,
            environment: (try? environment.variables()) ?? [], directory: directory.path)
    }

    /// Runs the devices' start hooks where nobody waits for them, and then starts the job. However it ends, the stop hooks
    /// run before its end is told: until then its devices are not given to another.
    private func launchAfterHooks(_ order: AttemptOrder, in directory: AttemptDirectory, for user: JobUser?) {
        let preparing = Task { [self] in
            guard let preparation = await prepare(order, for: user) else { return }
            Thread.detachNewThread { [self] in
                do {
                    if live.withLock({ $0[order.attempt.id]?.stop }) == nil {
                        try directory.create(for: order, user: user)
                        try hooks(order, directory).start()
                    }
                } catch {
                    return finish(
                        order.attempt.id,
                        AttemptEnd(cause: .launchFailed, message: "\(error)", endTime: .now, fault: .node))
                }
                launch(order, in: directory, for: user, preparation)
            }
        }
        live.withLock { $0[order.attempt.id]?.preparing = preparing }
    }

    private func keeperOrder(
        _ order: AttemptOrder, _ directory: AttemptDirectory, _ user: JobUser?
    ) throws -> LaunchOrder {
        let specification = order.specification
        let allocation = order.allocation(on: registration.name)
        let checkpoints = try checkpointDirectory(of: order, for: user)
        let socketPath = shortAttemptsPath + "/\(order.attempt.id)/s"
        let environment = AttemptEnvironment(
            order: order, registration: registration, checkpointDirectory: checkpoints, socketPath: socketPath,
            hostFile: try hostFile(for: order, in: directory),
            inputDirectory: specification.staged == nil
                ? nil : shortAttemptsPath + "/\(order.attempt.id)/inputs",
            outputDirectory: data.publication(of: order, for: user?.owner)?.directory,
            serverVariables: live.withLock { $0[order.attempt.id]?.serverVariables } ?? [:], user: user)
        var arguments = specification.command
        if let script = specification.script {
            let file = directory.path + "/script"
            try replaceFile(file, with: Array(script.utf8), isDurable: false, mode: 0o700)
            try user?.own(file)
            arguments = script.hasPrefix("#!") ? [file] : ["/bin/sh", file]
        }
        let rank = order.attempt.rank(on: registration.name) ?? 0
        let named = [false, true].map { specification.outputFile(isStandardError: $0, rank: rank) }
        let outputs = [false, true].enumerated().map { index, isError in
            named[index] ?? outputFile(of: order.attempt.id, isStandardError: isError)
        }
        var launch = LaunchOrder(
            attempt: order.attempt.id.description, fence: order.attempt.fence, arguments: arguments,
            environment: try environment.variables(), workingDirectory: specification.workingDirectory,
            standardOutput: outputs[0], standardError: outputs[1],
            cpus: allocation.cpus.numbers, numaNodes: numaNodes(of: allocation),
            memoryPolicy: order.shape.locality.level == .numa && !order.shape.locality.isWish ? .bind : .preferred,
            timeLimitMilliseconds: specification.timeLimit.map { $0.microseconds / 1000 },
            graceMilliseconds: order.grace.microseconds / 1000,
            extensionMilliseconds: max(0, (order.maximumGrace - order.grace).microseconds / 1000),
            socketPath: socketPath)
        launch.group = isolation.group(of: order.attempt.id.description)
        // What a device's rule takes is no measure of the program around it.
        launch.memoryLimitBytes = order.shape.memoryBytes == nil ? nil : allocation.memoryBytes
        launch.processLimit = isolation.limits(.pids) ? Self.processLimit : nil
        launch.user = user?.identity
        if registration.pools != nil { pools.makeRoom(beside: givenMemory) }
        if let warm = pools.start(order, for: user) {
            launch.warmSocket = warm.socket
            live.withLock { $0[order.attempt.id]?.pool = warm.use }
        }
        (launch.isOutputPrivate, launch.isErrorPrivate) = (named[0] == nil, named[1] == nil)
        return launch
    }

    /// Bytes that are given to jobs, for which idle slots give way.
    private var givenMemory: Int64 {
        live.withLock { live in
            live.values.reduce(0) { $0 + $1.order.allocation(on: registration.name).memoryBytes }
        }
    }

    /// Processes and threads of one attempt: far above what programs use, far below what a machine has (pid_max is
    /// 4,194,304 on 64-bit Linux).
    private static let processLimit = 32_768

    /// Its task's own, which the user may write in.
    private func checkpointDirectory(of order: AttemptOrder, for user: JobUser?) throws -> String {
        if let named = order.specification.checkpointDirectory {
            guard access(named, F_OK) != 0 else { return named }
            try FileOwner.run(as: user?.owner) {
                try FileManager.default.createDirectory(atPath: named, withIntermediateDirectories: true)
            }
            return named
        }
        let own = data.checkpoints.directory(of: order.attempt.id.task)
        guard mkdir(own, user == nil ? 0o755 : 0o700) == 0 || errno == EEXIST else {
            throw ExecutionProblem("\(own) cannot be made", errno)
        }
        try user?.own(own)
        return own
    }

    /// For launchers of MPI programs: the members' hosts, by rank.
    private func hostFile(for order: AttemptOrder, in directory: AttemptDirectory) throws -> String? {
        guard let rendezvous = order.rendezvous else { return nil }
        let file = directory.path + "/hosts"
        let lines = rendezvous.addresses.map { $0 + "\n" }.joined()
        // Others cannot enter the directory.
        try replaceFile(file, with: Array(lines.utf8), isDurable: false, mode: 0o644)
        return file
    }

    /// Where its memory is granted, or else the NUMA nodes of its cores.
    private func numaNodes(of allocation: Allocation) -> [Int] {
        guard allocation.memory.isEmpty else { return allocation.memory.map(\.numaNode) }
        let cores = registration.inventory.cores.filter { !$0.cpus.isDisjoint(with: allocation.cpus) }
        return Set(cores.compactMap(\.numaNode)).sorted()
    }

    // MARK: - What keepers say

    /// Hears each record of a keeper that this agent has started, up to its end.
    private func listen(to answers: Int32, of id: AttemptID) {
        watcher.whenReadable(answers) { [self] in
            let bytes = [UInt8](unsafeUninitializedCapacity: 64 << 10) { buffer, count in
                count = max(0, read(answers, buffer.baseAddress, buffer.count))
            }
            let record = try? KeeperRecord(bytes: bytes)
            if let record, case .running = record.phase {
                began(record, id)
                return listen(to: answers, of: id)
            }
            // It has told its last, or was killed before it could.
            close(answers)
            keeperEnded(id, record)
        }
    }

    private func began(_ record: KeeperRecord, _ id: AttemptID) {
        guard let attempt = live.withLock({ $0[id] }), let handle = attempt.handle else { return }
        if record.slotProblem != nil, let use = attempt.pool { pools.slotFailed(id, use) }
        if case .running = record.phase {
            var launch = launch(record, attempt.directory, attempt.order)
            if launch.pool == nil { launch.pool = attempt.pool }
            events.yield(.launched(id, launch))
            measure(handle, id)
            if let stop = attempt.stop { end(handle, stop) }
        }
    }

    private func measure(_ handle: KeeperHandle, _ id: AttemptID) {
        if let order = live.withLock({ $0[id]?.order }) {
            let group = isolation.group(of: id.description)
            meter?.begin(id, order.allocation(on: registration.name).devices) { [pools] in
                let processes = group.processes
                let own = Set(processes.isEmpty ? (try? handle.record())?.job.map { [$0.id] } ?? [] : processes)
                return own.union(pools.processes(serving: id))
            }
        }
    }

    /// Waits for the end of a keeper that an earlier agent has started.
    private func watch(_ process: Int32, _ id: AttemptID) {
        let descriptor = KeeperHandle.endDescriptor(of: process)
        guard descriptor >= 0 else { return keeperEnded(id) }
        watcher.whenReadable(descriptor) { [self] in
            close(descriptor)
            keeperEnded(id)
        }
    }

    /// - Parameter record: the keeper's last, where it was heard.
    private func keeperEnded(_ id: AttemptID, _ record: KeeperRecord? = nil) {
        let isSlow = live.withLock { $0[id].map { data.mustFinish($0.order) } ?? false }
        if isSlow { Thread.detachNewThread { [self] in finish(id, record) } } else { finish(id, record) }
    }

    private func finish(_ id: AttemptID, _ record: KeeperRecord? = nil) {
        guard let attempt = live.withLock({ $0[id] }) else { return }
        let handle = attempt.handle ?? attempt.directory.keeper
        finish(id, end(of: record ?? (try? handle.record()), handle, attempt.directory, attempt.order))
    }

    private func finish(_ id: AttemptID, _ end: AttemptEnd) {
        guard let attempt = live.withLock({ $0[id] }), needsHooks(attempt.order) else { return tell(id, end) }
        Thread.detachNewThread { [self] in
            var end = end
            stopDevices(of: attempt.order, attempt.directory, &end)
            tell(id, end)
        }
    }

    private func tell(_ id: AttemptID, _ end: AttemptEnd) {
        guard live.withLock({ $0.removeValue(forKey: id) }) != nil else { return }
        pools.ended(id)
        events.yield(.ended(id, end))
    }

    /// Runs the stop hooks that have not run yet.
    private func stopDevices(of order: AttemptOrder, _ directory: AttemptDirectory, _ end: inout AttemptEnd) {
        guard needsHooks(order) else { return }
        let problems = hooks(order, directory).stop()
        if !problems.isEmpty { end.message = ([end.message].compactMap { $0 } + problems).joined(separator: " ") }
    }

    package func newReports(of attempt: AttemptID) -> [Report] {
        AttemptDirectory(id: attempt, path: attemptsPath + "/\(attempt)").newReports()
    }

    private func launch(_ record: KeeperRecord, _ directory: AttemptDirectory, _ order: AttemptOrder) -> Launch {
        var launch = Launch(
            startTime: Timestamp(microseconds: record.startMicroseconds), processID: record.job.map { Int($0.id) },
            bound: Binding(
                cpus: CPUSet(record.boundCPUs), numaNodes: record.boundNUMANodes,
                devices: order.allocation(on: registration.name).devices.map(\.name),
                notes: record.notes + directory.notes(), differs: record.isBindingExact ? nil : true),
            inputs: directory.inputs())
        if let problem = record.slotProblem, let pool = order.specification.pool {
            launch.pool = PoolUse(pool: pool, miss: .slotFailed)
            launch.bound.notes.append("It started cold: \(problem).")
        }
        return launch
    }

    /// How an attempt ended whose keeper is gone.
    private func end(
        of record: KeeperRecord?, _ handle: KeeperHandle, _ directory: AttemptDirectory, _ order: AttemptOrder
    ) -> AttemptEnd {
        var end = end(of: record, handle)
        // As whom it ran, as the keeper was told: whoever it is that has the name now.
        let user = users.isRoot ? (try? handle.order())?.user : nil
        data.finish(
            &end, order, for: user.map { FileOwner(user: $0.id, group: $0.group, furtherGroups: $0.groups) })
        if let use = meter?.end(order.attempt.id) {
            end.usage?.gpuMemoryPeakBytes = use.peakMemoryBytes
            end.usage?.gpuEnergyJoules = use.energyJoules
            if !use.notes.isEmpty { end.message = ([end.message].compactMap { $0 } + use.notes).joined(separator: " ") }
        }
        end.reports = directory.newReports(marking: false)
        end.outputTails = [false, true].compactMap { isError in
            OutputFile(path: outputFile(of: order.attempt.id, isStandardError: isError)).tail(isStandardError: isError)
        }
        return end
    }

    private func end(of record: KeeperRecord?, _ handle: KeeperHandle) -> AttemptEnd {
        guard let record else {
            return AttemptEnd(
                cause: .nodeLost, message: "Its keeper ended before it had started the job.", endTime: .now)
        }
        switch record.phase {
        case .running:
            let rebooted = record.bootID != bootID()
            if !rebooted { handle.killLeftovers(of: record) }
            return AttemptEnd(
                cause: .nodeLost, message: rebooted ? "The node was started anew." : "Its keeper was killed.",
                endTime: .now)
        case .launchFailed(let problem, let time):
            return AttemptEnd(
                cause: .launchFailed, message: problem, endTime: Timestamp(microseconds: time),
                fault: record.launchFault.map { $0 == .node ? .node : .job })
        case .ended(let ended):
            let isOutOfMemory = ended.cause == .outOfMemory
            return AttemptEnd(
                ended, memoryLimitBytes: isOutOfMemory ? (try? handle.order())?.memoryLimitBytes : nil)
        }
    }

    // MARK: - Stopping

    package func stop(_ attempt: AttemptID, reason: StopReason, grace: Duration) {
        let handle = live.withLock { live -> KeeperHandle? in
            live[attempt]?.stop = (reason, grace)
            live[attempt]?.preparing?.cancel()
            return live[attempt]?.handle
        }
        if let handle { end(handle, (reason, grace)) }
    }

    private func end(_ handle: KeeperHandle, _ stop: (reason: StopReason, grace: Duration)) {
        // The keeper answers within microseconds, but it may be busy starting; nobody is to wait for that here.
        Thread.detachNewThread {
            for _ in 0..<100 {
                do {
                    try handle.stop(graceMilliseconds: stop.grace.microseconds / 1000, reason: stop.reason.rawValue)
                    return
                } catch {
                    guard handle.isAlive else { return }
                    usleep(20_000)
                }
            }
        }
    }

    package func tidyOutput(within limits: OutputLimits, removesOld: Bool) -> [String] {
        pools.tend()
        let attempts = live.withLock { Set($0.keys) }
        if removesOld {
            limits.removeOld(in: logsPath, at: .now, isLive: attempts.contains)
            let used = live.withLock { $0.values.flatMap { $0.order.specification.staged ?? [] } }
            data.staged.removeOld(limits.keep, at: .now, used: Set(used.map(\.sha256)))
        }
        let files = attempts.sorted().flatMap { attempt in
            [false, true].map { OutputFile(path: outputFile(of: attempt, isStandardError: $0)) }
        }
        return (files + pools.logs).compactMap { file in
            do { try limits.cut(file) } catch { return "\(error)" }
            return nil
        }
    }

    /// How the warm pools do, in the order of their definition.
    package var poolStatuses: [PoolStatus] { pools.statuses }

    package func leave() {
        pools.leave()
        RuntimeDirectory.leave(attemptsPath)
        isolation.leave()
    }

    package func forget(_ attempt: AttemptID) {
        AttemptDirectory(id: attempt, path: attemptsPath + "/\(attempt)").remove()
    }
}
