import BerthModel
import BerthPlanner
import BerthScheduling
import Testing

@Suite struct DispositionTests {
    private enum Fate: Equatable { case succeeded, failed, timedOut, cancelled, waits, retried }

    private func fate(_ disposition: ClusterEvent.Disposition?) -> Fate? {
        switch disposition {
        case .ended(let outcome):
            switch outcome.state {
            case .succeeded: .succeeded
            case .failed: .failed
            case .timedOut: .timedOut
            case .cancelled: .cancelled
            }
        case .waits(_, let countsAsRetry): countsAsRetry ? .retried : .waits
        case nil: nil
        }
    }

    private func fate(_ end: AttemptEnd, retry: RetryPolicy? = nil, stop: StopReason? = nil) throws -> Fate? {
        var room = ControlRoom(.machine("a"))
        let attempt = try room.running { $0.retry = retry }
        switch stop {
        case .cancelled: try room.cancel("1")
        case .requeued: try room.requeue("1")
        case .drained: try room.drain("a", stopping: true)
        case .preempted, .memberFailed, .stale, .recalled, nil: break
        }
        return fate(room.disposition(of: attempt, end))
    }

    @Test func `without a retry an attempt's end is its task's, unless Berth or its node ended it`() throws {
        #expect(try fate(.exit(0)) == .succeeded)
        #expect(try fate(.exit(1)) == .failed)
        #expect(try fate(.by(.signal)) == .failed)
        #expect(try fate(.by(.outOfMemory)) == .failed)
        #expect(try fate(.by(.launchFailed)) == .failed)
        #expect(try fate(.by(.timeLimit)) == .timedOut)
        #expect(try fate(.by(.nodeLost)) == .waits)
        #expect(try fate(.by(.refused)) == .waits)
        #expect(try fate(.by(.stopped)) == .waits)
    }

    @Test(
        arguments: [
            (.exit, .exit(3)), (.signal, .by(.signal)), (.outOfMemory, .by(.outOfMemory)), (.timedOut, .by(.timeLimit)),
            (.launchFailed, .by(.launchFailed)),
        ] as [(RetryPolicy.Failure, AttemptEnd)])
    func `a failure is tried again only where the policy names its kind`(failure: RetryPolicy.Failure, end: AttemptEnd)
        throws
    {
        #expect(try fate(end, retry: RetryPolicy(attempts: 1, on: [failure])) == .retried)
        let others = Set(RetryPolicy.Failure.allCases).subtracting([failure])
        #expect(try fate(end, retry: RetryPolicy(attempts: 9, on: others)) != .retried)
        #expect(try fate(end, retry: RetryPolicy(attempts: 0, on: [failure])) != .retried)
    }

    @Test func `a success is not tried again, and a lost node never counts`() throws {
        let all = RetryPolicy(attempts: 5, on: Set(RetryPolicy.Failure.allCases))
        #expect(try fate(.exit(0), retry: all) == .succeeded)
        #expect(try fate(.by(.nodeLost), retry: all) == .waits)
        #expect(try fate(.by(.refused), retry: all) == .waits)
    }

    @Test(arguments: [StopReason.requeued, .drained])
    func `what was stopped to run again does, however it went down`(reason: StopReason) throws {
        let all = RetryPolicy(attempts: 5, on: Set(RetryPolicy.Failure.allCases))
        for end in [AttemptEnd.by(.stopped), .exit(143), .by(.signal), .by(.timeLimit), .by(.outOfMemory)] {
            #expect(try fate(end, retry: all, stop: reason) == .waits)
        }
        #expect(try fate(.exit(0), stop: reason) == .succeeded, "it was done before the stop reached it")
    }

    @Test func `what was cancelled is cancelled, even where it ended well at the last moment`() throws {
        for end in [AttemptEnd.exit(0), .exit(1), .by(.stopped), .by(.signal), .by(.nodeLost)] {
            #expect(try fate(end, retry: RetryPolicy(attempts: 5), stop: .cancelled) == .cancelled)
        }
    }

    @Test func `retries are used up one by one, and other ends do not use them`() throws {
        var room = ControlRoom(.machine("a"))
        let job = try room.submit {
            $0.retry = RetryPolicy(
                attempts: 2, on: [.exit], backoff: .init(initial: .seconds(1), maximum: .seconds(1), jitter: 0))
        }
        for end in [AttemptEnd.exit(1), .by(.nodeLost), .by(.stopped), .exit(2), .exit(3)] {
            room.wait(.seconds(2))
            room.tell(.heartbeat)
            _ = room.round()
            let attempt = try #require(room.attempt("\(job)"))
            room.tell(.update(room.status(attempt, .ended(end, launch: .plain))))
        }
        _ = room.round()
        #expect(room.cluster.jobs.isEmpty)
        #expect(try room.history.endState(of: job) == .failed)
    }

    @Test func `a retry waits as its policy says, and starts when that time is over`() throws {
        var room = ControlRoom(.machine("a"))
        let attempt = try room.running {
            $0.retry = RetryPolicy(attempts: 1, backoff: .init(initial: .seconds(10), jitter: 0))
        }
        room.tell(.update(room.status(attempt, .ended(.exit(1), launch: .plain))))
        let round1 = room.round()
        #expect(round1.next == .epoch + .seconds(10))
        room.wait(.seconds(10))
        let round2 = room.round()
        #expect(round2.events.map(\.name) == ["started"])
    }
}
