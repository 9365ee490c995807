import BerthKeeping
package import BerthModel
import Glibc
import Synchronization

/// Getting ready for attempts while they are recorded: their keepers make what is Berth's own, and wait.
extension KeeperExecution {
    struct Prepared {
        var order: AttemptOrder
        var user: JobUser?
        var directory: AttemptDirectory
        /// At which its keeper is heard.
        var answers: Int32
    }

    func directory(of id: AttemptID) -> AttemptDirectory {
        AttemptDirectory(id: id, path: attemptsPath + "/\(id)")
    }

    package func prepare(_ order: AttemptOrder) {
        let id = order.attempt.id
        guard leavesNoTrace(order), prepared.withLock({ $0[id] == nil }) else { return }
        let directory = directory(of: id)
        do {
            let user = try users.user(of: order.user)
            try directory.create(for: order, user: user, isAnnounced: true)
            let answers = try nursery.launch(try keeperOrder(order, directory, user), in: directory.path)
            prepared.withLock {
                $0[id] = Prepared(order: order, user: user, directory: directory, answers: answers)
            }
        } catch {
            // If it is to be started all the same, that fails likewise, and says so.
            directory.remove()
        }
    }

    /// Whether nothing but Berth's own is touched before the job itself starts, and that at once.
    private func leavesNoTrace(_ order: AttemptOrder) -> Bool {
        let specification = order.specification
        let rank = order.attempt.rank(on: registration.name) ?? 0
        return registration.pools == nil && specification.checkpointDirectory == nil
            && specification.outputFile(isStandardError: false, rank: rank) == nil
            && specification.outputFile(isStandardError: true, rank: rank) == nil
            && specification.published?.isEmpty != false && !needsHooks(order) && !data.mustPrepare(order)
            && !pools.mustPrepare(order)
    }

    /// What is ready for an order; nil where nothing is.
    func takePrepared(for order: AttemptOrder) -> Prepared? {
        guard let found = prepared.withLock({ $0.removeValue(forKey: order.attempt.id) }) else { return nil }
        if found.order == order { return found }
        giveUp(found)
        return nil
    }

    func begin(_ prepared: Prepared) {
        let id = prepared.order.attempt.id
        prepared.directory.keeper.begin(prepared.answers)
        live.withLock {
            $0[id]?.user = prepared.user
            $0[id]?.handle = prepared.directory.keeper
        }
        listen(to: prepared.answers, of: id)
    }

    package func giveUpPrepared(_ attempt: AttemptID) {
        if let prepared = prepared.withLock({ $0.removeValue(forKey: attempt) }) { giveUp(prepared) }
    }

    package func giveUpPrepared(except waiting: (AttemptID) -> Bool) {
        for attempt in prepared.withLock({ $0.keys.sorted() }) where !waiting(attempt) { giveUpPrepared(attempt) }
    }

    /// Returns when the keeper has hung up, which may still have been on its way: the attempt's name is free then. One that
    /// does not keeps its announcement, and so can begin nothing either.
    private func giveUp(_ prepared: Prepared) {
        shutdown(prepared.answers, Int32(SHUT_WR))
        var polled = pollfd(fd: prepared.answers, events: Int16(POLLIN), revents: 0)
        if poll(&polled, 1, 5000) == 1 { prepared.directory.remove() }
        nursery.end(prepared.answers)
        data.checkpoints.removeIfEmpty(prepared.order.attempt.id.task)
    }
}
