import BerthKeeping
import BerthModel
import CLinux
import Foundation
import Glibc
import Synchronization

/// Attempts as processes, each under a keeper of its own.
final class KeeperExecution: Execution {
    private let registration: NodeRegistration
    private let keeper: String
    private let events: AsyncStream<ExecutionEvent>.Continuation
    private let watcher: DescriptorWatcher
    private let attemptsPath: String
    /// The same place by a path that is short enough for a socket's.
    private let shortAttemptsPath: String
    private let logsPath: String
    private let checkpointsPath: String
    private let live = Mutex<[AttemptID: Live]>([:])

    /// An attempt between its order and its end.
    private struct Live {
        var directory: AttemptDirectory
        var order: AttemptOrder
        var handle: KeeperHandle?
        /// Told to end before there was a process.
        var stop: (reason: StopReason, grace: Duration)?
    }

    init(
        registration: NodeRegistration, stateDirectory: String, keeper: String,
        events: AsyncStream<ExecutionEvent>.Continuation
    ) throws {
        self.registration = registration
        self.keeper = keeper
        self.events = events
        attemptsPath = try RuntimeDirectory.attempts(of: stateDirectory)
        shortAttemptsPath = try ShortPath.of(attemptsPath, room: 47)
        logsPath = stateDirectory + "/logs"
        checkpointsPath = stateDirectory + "/checkpoints"
        for path in [logsPath, checkpointsPath] {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        }
        watcher = try DescriptorWatcher()
    }

    func outputFile(of attempt: AttemptID, isStandardError: Bool) -> String {
        logsPath + "/\(attempt)." + (isStandardError ? "err" : "out")
    }

    func mayWrite(_ attempt: AttemptID) -> Bool { live.withLock { $0[attempt] != nil } }

    // MARK: - Taking over

    func takeOver() -> [AttemptStatus] {
        let directories = (try? AttemptDirectory.all(in: attemptsPath)) ?? []
        return directories.compactMap { directory in
            // What was never launched is forgotten: the controller orders it again, if it still wants it.
            guard let order = try? directory.order(), directory.wasLaunched else {
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
        if let record, case .running = record.phase, isAlive {
            live.withLock { $0[id] = Live(directory: directory, order: order, handle: handle) }
            watch(handle, record.keeper.id, id)
            return .running(launch(record, directory, order))
        }
        if isAlive {
            // The keeper is about to start its job: its record will tell.
            live.withLock { $0[id] = Live(directory: directory, order: order, handle: handle) }
            Thread.detachNewThread { [self] in awaitFirstRecord(handle, id) }
            return .ordered
        }
        let end = end(of: record, handle, directory, order)
        return .ended(end, launch: record?.job == nil ? nil : record.map { launch($0, directory, order) })
    }

    private func awaitFirstRecord(_ handle: KeeperHandle, _ id: AttemptID) {
        while handle.isAlive {
            if let record = try? handle.record() {
                began(record, id)
                return
            }
            usleep(2000)
        }
        finish(id)
    }

    // MARK: - Starting

    func start(_ order: AttemptOrder) {
        let id = order.attempt.id
        let directory = AttemptDirectory(id: id, path: attemptsPath + "/\(id)")
        live.withLock { $0[id] = Live(directory: directory, order: order) }
        if order.specification.inputs.isEmpty {
            launch(order, in: directory, inputs: [])
        } else {
            // Reading large inputs must hold nobody else up.
            Thread.detachNewThread { [self] in
                let inputs = order.specification.inputs.map {
                    FileRecord.of($0, in: order.specification.workingDirectory)
                }
                launch(order, in: directory, inputs: inputs)
            }
        }
    }

    private func launch(_ order: AttemptOrder, in directory: AttemptDirectory, inputs: [FileRecord]) {
        let id = order.attempt.id
        do {
            try directory.create(for: order)
            try directory.keep(inputs: inputs)
            if let stop = live.withLock({ $0[id]?.stop }) {
                finish(
                    id,
                    AttemptEnd(
                        cause: .stopped, message: "It was stopped (\(stop.reason.rawValue)) before it started.",
                        endTime: .now))
                return
            }
            var ends: [Int32] = [-1, -1]
            guard berth_pipe(&ends) == 0 else { throw ExecutionProblem("A pipe cannot be had", errno) }
            defer { close(ends[1]) }
            let answer = ends[0]
            let handle: KeeperHandle
            do {
                handle = try KeeperHandle.launch(
                    keeperOrder(order, directory), in: directory.path, program: keeper, answer: ends[1])
            } catch {
                close(answer)
                throw error
            }
            live.withLock { $0[id]?.handle = handle }
            watcher.whenReadable(answer) { [self] in
                let bytes = [UInt8](unsafeUninitializedCapacity: 64 << 10) { buffer, count in
                    count = max(0, read(answer, buffer.baseAddress, buffer.count))
                }
                close(answer)
                if let record = try? KeeperRecord(bytes: bytes) { began(record, id) } else { finish(id) }
            }
        } catch {
            finish(id, AttemptEnd(cause: .launchFailed, message: "\(error)", endTime: .now))
        }
    }

    private func keeperOrder(_ order: AttemptOrder, _ directory: AttemptDirectory) throws -> LaunchOrder {
        let specification = order.specification
        let allocation = order.attempt.allocation
        let checkpoints = specification.checkpointDirectory ?? checkpointsPath + "/\(order.attempt.id.task)"
        if mkdir(checkpoints, 0o755) != 0, errno != EEXIST {
            try FileManager.default.createDirectory(atPath: checkpoints, withIntermediateDirectories: true)
        }
        let socketPath = shortAttemptsPath + "/\(order.attempt.id)/s"
        let environment = AttemptEnvironment(
            order: order, registration: registration, checkpointDirectory: checkpoints, socketPath: socketPath)
        var arguments = specification.command
        if let script = specification.script {
            let file = directory.path + "/script"
            try replaceFile(file, with: Array(script.utf8), isDurable: false, mode: 0o700)
            arguments = script.hasPrefix("#!") ? [file] : ["/bin/sh", file]
        }
        let output = specification.standardOutput ?? outputFile(of: order.attempt.id, isStandardError: false)
        return LaunchOrder(
            attempt: order.attempt.id.description, fence: order.attempt.fence, arguments: arguments,
            environment: try environment.variables(), workingDirectory: specification.workingDirectory,
            standardOutput: output,
            standardError: specification.standardError ?? outputFile(of: order.attempt.id, isStandardError: true),
            cpus: allocation.cpus.numbers, numaNodes: numaNodes(of: allocation),
            memoryPolicy: order.shape.locality.level == .numa && !order.shape.locality.isWish ? .bind : .preferred,
            timeLimitMilliseconds: specification.timeLimit.map { $0.microseconds / 1000 },
            graceMilliseconds: order.grace.microseconds / 1000,
            extensionMilliseconds: max(0, (order.maximumGrace - order.grace).microseconds / 1000),
            socketPath: socketPath)
    }

    /// Where its memory is granted, or else the NUMA nodes of its cores.
    private func numaNodes(of allocation: Allocation) -> [Int] {
        guard allocation.memory.isEmpty else { return allocation.memory.map(\.numaNode) }
        let cores = registration.inventory.cores.filter { !$0.cpus.isDisjoint(with: allocation.cpus) }
        return Set(cores.compactMap(\.numaNode)).sorted()
    }

    // MARK: - What keepers say

    private func began(_ record: KeeperRecord, _ id: AttemptID) {
        guard let attempt = live.withLock({ $0[id] }), let handle = attempt.handle else { return }
        if case .running = record.phase {
            events.yield(.launched(id, launch(record, attempt.directory, attempt.order)))
            watch(handle, record.keeper.id, id)
            if let stop = attempt.stop { end(handle, stop) }
        } else {
            watch(handle, record.keeper.id, id)
        }
    }

    private func watch(_ handle: KeeperHandle, _ process: Int32, _ id: AttemptID) {
        let descriptor = KeeperHandle.endDescriptor(of: process)
        guard descriptor >= 0 else { return finish(id) }
        watcher.whenReadable(descriptor) { [self] in
            close(descriptor)
            handle.reap()
            let isSlow = live.withLock { $0[id]?.order.specification.outputs.isEmpty == false }
            if isSlow { Thread.detachNewThread { [self] in finish(id) } } else { finish(id) }
        }
    }

    private func finish(_ id: AttemptID) {
        guard let attempt = live.withLock({ $0[id] }) else { return }
        let handle = attempt.handle ?? attempt.directory.keeper
        finish(id, end(of: try? handle.record(), handle, attempt.directory, attempt.order))
    }

    private func finish(_ id: AttemptID, _ end: AttemptEnd) {
        guard live.withLock({ $0.removeValue(forKey: id) }) != nil else { return }
        events.yield(.ended(id, end))
    }

    func newReports(of attempt: AttemptID) -> [Report] {
        AttemptDirectory(id: attempt, path: attemptsPath + "/\(attempt)").newReports()
    }

    private func launch(_ record: KeeperRecord, _ directory: AttemptDirectory, _ order: AttemptOrder) -> Launch {
        Launch(
            startTime: Timestamp(microseconds: record.startMicroseconds), processID: record.job.map { Int($0.id) },
            bound: Binding(
                cpus: CPUSet(record.boundCPUs), numaNodes: record.boundNUMANodes,
                devices: order.attempt.allocation.devices.map(\.name), notes: record.notes), inputs: directory.inputs())
    }

    /// How an attempt ended whose keeper is gone.
    private func end(
        of record: KeeperRecord?, _ handle: KeeperHandle, _ directory: AttemptDirectory, _ order: AttemptOrder
    ) -> AttemptEnd {
        var end = end(of: record, handle, order)
        end.reports = directory.newReports(marking: false)
        return end
    }

    private func end(of record: KeeperRecord?, _ handle: KeeperHandle, _ order: AttemptOrder) -> AttemptEnd {
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
            return AttemptEnd(cause: .launchFailed, message: problem, endTime: Timestamp(microseconds: time))
        case .ended(let ended):
            return AttemptEnd(
                ended,
                outputs: order.specification.outputs.map {
                    FileRecord.of($0, in: order.specification.workingDirectory)
                })
        }
    }

    // MARK: - Stopping

    func stop(_ attempt: AttemptID, reason: StopReason, grace: Duration) {
        let handle = live.withLock { live -> KeeperHandle? in
            live[attempt]?.stop = (reason, grace)
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

    func leave() { RuntimeDirectory.leave(attemptsPath) }

    func forget(_ attempt: AttemptID) {
        AttemptDirectory(id: attempt, path: attemptsPath + "/\(attempt)").remove()
    }
}

extension AttemptEnd {
    init(_ ended: KeeperRecord.Ended, outputs: [FileRecord]) {
        let cause: Cause =
            switch ended.cause {
            case .exit: .exit
            case .signal: .signal
            case .timeLimit: .timeLimit
            case .stopped: .stopped
            }
        self.init(
            cause: cause, exitCode: ended.exitCode, signal: ended.signal,
            endTime: Timestamp(microseconds: ended.endMicroseconds),
            usage: Usage(
                userCPUTime: .microseconds(ended.userCPUMicroseconds),
                systemCPUTime: .microseconds(ended.systemCPUMicroseconds), peakMemoryBytes: ended.peakMemoryBytes,
                readBytes: ended.readBytes, writtenBytes: ended.writtenBytes), outputs: outputs)
    }
}
