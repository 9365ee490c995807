import BerthKeeping
package import BerthModel
import Foundation
import Glibc
import Synchronization

/// What an earlier agent has left.
extension KeeperExecution {
    package func takeOver() -> [AttemptStatus] {
        let directories = (try? AttemptDirectory.all(in: attemptsPath)) ?? []
        // What runs in a group without a keeper was left by one that was killed, or by a cleared-away directory.
        let kept = directories.filter(\.keeper.isAlive).compactMap { try? $0.keeper.order().group.name }
        isolation.clear(except: pools.groupNames.union(kept))
        return directories.compactMap { directory in
            // What was never launched, or has never come to its keeper, is forgotten: the controller orders it again, if it
            // still wants it.
            if directory.isAnnounced {
                directory.removeAnnounced()
                data.checkpoints.removeIfEmpty(directory.id.task)
                return nil
            }
            let keeper = directory.keeper
            guard let order = try? directory.order(), directory.wasLaunched, keeper.hasCome || !keeper.forestall()
            else {
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
        var isAlive = handle.isAlive
        let record = try? handle.record()
        // The agent before this one may have ordered it with its last breath.
        if !isAlive, record == nil { isAlive = !handle.forestall() }
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
}
