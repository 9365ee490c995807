package import BerthKeeping
package import BerthModel
import CLinux
import Foundation
import Glibc
import Synchronization

/// Attempts as processes, each under a keeper of its own.
package final class KeeperExecution: Execution {
    let registration: NodeRegistration
    let nursery: KeeperNursery
    let events: AsyncStream<ExecutionEvent>.Continuation
    let watcher: DescriptorWatcher
    let attemptsPath: String
    /// The same place by a path that is short enough for a socket's.
    let shortAttemptsPath: String
    private let logsPath: String
    let data: AttemptData
    let isolation: Isolation
    let users: JobUsers
    let pools: WarmPools
    let meter: (any AcceleratorMeter)?
    let live = Mutex<[AttemptID: Live]>([:])
    let prepared = Mutex(Preparations())

    /// An attempt between its order and its end.
    struct Live {
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

    // MARK: - Stopping

    package func stop(_ attempt: AttemptID, reason: StopReason, grace: Duration) {
        let handle = live.withLock { live -> KeeperHandle? in
            live[attempt]?.stop = (reason, grace)
            live[attempt]?.preparing?.cancel()
            return live[attempt]?.handle
        }
        if let handle { end(handle, (reason, grace)) }
    }

    func end(_ handle: KeeperHandle, _ stop: (reason: StopReason, grace: Duration)) {
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
        nursery.tend()
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
        nursery.leave()
        RuntimeDirectory.leave(attemptsPath)
        isolation.leave()
    }

    package func forget(_ attempt: AttemptID) {
        AttemptDirectory(id: attempt, path: attemptsPath + "/\(attempt)").remove()
    }
}
