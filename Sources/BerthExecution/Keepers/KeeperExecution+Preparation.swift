import BerthKeeping
package import BerthModel
import Glibc
import Synchronization

/// Getting ready for attempts while they are recorded: their keepers make what is Berth's own, and wait.
extension KeeperExecution {
    /// What is ready.
    struct Preparations {
        var attempts: [AttemptID: Prepared] = [:]
        /// Those that have begun without having been told to, since the one before them has ended.
        var begun: Set<AttemptID> = []
    }

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
        guard leavesNoTrace(order), prepared.withLock({ $0.attempts[id] == nil }) else { return }
        let directory = directory(of: id)
        do {
            let user = try users.user(of: order.user)
            try directory.create(for: order, user: user, isAnnounced: true)
            let answers = try nursery.launch(try keeperOrder(order, directory, user), in: directory.path)
            prepared.withLock {
                $0.attempts[id] = Prepared(order: order, user: user, directory: directory, answers: answers)
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
        guard let found = prepared.withLock({ $0.attempts.removeValue(forKey: order.attempt.id) }) else { return nil }
        if found.order == order { return found }
        giveUp(found)
        return nil
    }

    func begin(_ prepared: Prepared) {
        enliven(prepared)
        sendOff(prepared)
    }

    private func enliven(_ prepared: Prepared) {
        live.withLock {
            $0[prepared.order.attempt.id] = Live(
                directory: prepared.directory, order: prepared.order, user: prepared.user,
                handle: prepared.directory.keeper)
        }
    }

    private func sendOff(_ prepared: Prepared) {
        prepared.directory.keeper.begin(prepared.answers)
        listen(to: prepared.answers, of: prepared.order.attempt.id)
    }

    /// Lets the one begin that stands right behind an attempt of which nothing is left: what is still to be done for that one
    /// is not waited for. All others before it have ended before that one began.
    func beginSuccessor(of id: AttemptID) {
        let next = prepared.withLock { prepared -> Prepared? in
            let entry = prepared.attempts.first { $0.value.order.after?.last == id }
            guard let (successor, next) = entry else { return nil }
            prepared.attempts[successor] = nil
            prepared.begun.insert(successor)
            // Before anybody can be told that it has begun, and stop it.
            enliven(next)
            return next
        }
        if let next { sendOff(next) }
    }

    package func withdraw(_ attempt: AttemptID) -> Bool {
        let (hasBegun, found) = prepared.withLock { prepared in
            (prepared.begun.remove(attempt) != nil, prepared.attempts.removeValue(forKey: attempt))
        }
        if let found { giveUp(found) }
        return !hasBegun
    }

    package func giveUpPrepared(except waiting: (AttemptID) -> Bool) {
        let attempts = prepared.withLock { $0.attempts.keys.sorted() }
        for attempt in attempts where !waiting(attempt) { _ = withdraw(attempt) }
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
