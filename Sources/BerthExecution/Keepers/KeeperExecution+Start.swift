package import BerthModel
import Foundation
import Synchronization

/// From an order to a keeper.
extension KeeperExecution {
    package func start(_ order: AttemptOrder) {
        let id = order.attempt.id
        if prepared.withLock({ $0.begun.remove(id) }) != nil { return }
        if let prepared = takePrepared(for: order) { return begin(prepared) }
        let directory = directory(of: id)
        live.withLock { $0[id] = Live(directory: directory, order: order) }
        let user: JobUser?
        do { user = try users.user(of: order.user) } catch {
            return finish(id, AttemptEnd(launchFailed: error, fault: .job))
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

    func launch(
        _ order: AttemptOrder, in directory: AttemptDirectory, for user: JobUser?,
        _ preparation: AttemptData.Preparation
    ) {
        let id = order.attempt.id
        var fault = AttemptEnd.Fault.node
        do {
            if let problem = preparation.problem { throw problem }
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
            finish(id, AttemptEnd(launchFailed: error, fault: fault))
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
            finish(id, AttemptEnd(launchFailed: error, fault: .job))
            return nil
        }
        return preparation
    }

    func needsHooks(_ order: AttemptOrder) -> Bool {
        DeviceHooks.isNeeded(order.allocation(on: registration.name), on: registration.inventory.devices)
    }

    func hooks(_ order: AttemptOrder, _ directory: AttemptDirectory) -> DeviceHooks {
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
                    return finish(order.attempt.id, AttemptEnd(launchFailed: error, fault: .node))
                }
                launch(order, in: directory, for: user, preparation)
            }
        }
        live.withLock { $0[order.attempt.id]?.preparing = preparing }
    }
}

extension AttemptEnd {
    /// - Parameter fault: whose it is where the error does not tell.
    fileprivate init(launchFailed error: any Error, fault: Fault) {
        self.init(
            cause: .launchFailed, message: "\(error)", endTime: .now,
            fault: (error as? ExecutionProblem)?.fault ?? fault)
    }
}
