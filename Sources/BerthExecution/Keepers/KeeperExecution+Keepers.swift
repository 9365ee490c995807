import BerthKeeping
package import BerthModel
import Foundation
import Glibc
import Synchronization

/// What keepers say, and how attempts end.
extension KeeperExecution {
    /// Hears each record of a keeper that this agent has started, up to its end.
    func listen(to answers: Int32, of id: AttemptID) {
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
            nursery.end(answers, isFree: record?.isFree == true)
            keeperEnded(id, record)
        }
    }

    func began(_ record: KeeperRecord, _ id: AttemptID) {
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

    func measure(_ handle: KeeperHandle, _ id: AttemptID) {
        if let order = live.withLock({ $0[id]?.order }) {
            guard let meter, let group = try? handle.order().group else { return }
            meter.begin(id, order.allocation(on: registration.name).devices) { [pools] in
                let processes = group.processes
                let own = Set(processes.isEmpty ? (try? handle.record())?.job.map { [$0.id] } ?? [] : processes)
                return own.union(pools.processes(serving: id))
            }
        }
    }

    /// Waits for the end of a keeper that an earlier agent has started.
    func watch(_ process: Int32, _ id: AttemptID) {
        let descriptor = KeeperHandle.endDescriptor(of: process)
        guard descriptor >= 0 else { return keeperEnded(id) }
        watcher.whenReadable(descriptor) { [self] in
            close(descriptor)
            keeperEnded(id)
        }
    }

    /// - Parameter record: the keeper's last, where it was heard.
    func keeperEnded(_ id: AttemptID, _ record: KeeperRecord? = nil) {
        let isSlow = live.withLock { $0[id].map { data.mustFinish($0.order) } ?? false }
        guard !isSlow else { return Thread.detachNewThread { [self] in finish(id, record) } }
        // What a killed keeper has left is still to be ended.
        if record != nil { beginSuccessor(of: id) }
        finish(id, record)
    }

    func finish(_ id: AttemptID, _ record: KeeperRecord? = nil) {
        guard let attempt = live.withLock({ $0[id] }) else { return }
        let handle = attempt.handle ?? attempt.directory.keeper
        finish(id, end(of: record ?? (try? handle.record()), handle, attempt.directory, attempt.order))
    }

    func finish(_ id: AttemptID, _ end: AttemptEnd) {
        guard let attempt = live.withLock({ $0[id] }), needsHooks(attempt.order) else { return tell(id, end) }
        Thread.detachNewThread { [self] in
            var end = end
            stopDevices(of: attempt.order, attempt.directory, &end)
            tell(id, end)
        }
    }

    func tell(_ id: AttemptID, _ end: AttemptEnd) {
        guard live.withLock({ $0.removeValue(forKey: id) }) != nil else { return }
        pools.ended(id)
        // Before the end is told: after it, the task's next attempt may come.
        data.checkpoints.removeIfEmpty(id.task)
        events.yield(.ended(id, end))
    }

    /// Runs the stop hooks that have not run yet.
    func stopDevices(of order: AttemptOrder, _ directory: AttemptDirectory, _ end: inout AttemptEnd) {
        guard needsHooks(order) else { return }
        let problems = hooks(order, directory).stop()
        if !problems.isEmpty { end.message = ([end.message].compactMap { $0 } + problems).joined(separator: " ") }
    }

    package func newReports(of attempt: AttemptID) -> [Report] {
        AttemptDirectory(id: attempt, path: attemptsPath + "/\(attempt)").newReports()
    }

    func launch(_ record: KeeperRecord, _ directory: AttemptDirectory, _ order: AttemptOrder) -> Launch {
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
    func end(
        of record: KeeperRecord?, _ handle: KeeperHandle, _ directory: AttemptDirectory, _ order: AttemptOrder
    ) -> AttemptEnd {
        var end = end(of: record, handle)
        // As whom it ran, as the keeper was told: whoever it is that has the name now.
        let user = users.isRoot && data.mustFinish(order) ? (try? handle.order())?.user : nil
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

    func end(of record: KeeperRecord?, _ handle: KeeperHandle) -> AttemptEnd {
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
}
