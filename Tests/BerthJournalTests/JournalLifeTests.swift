import BerthJournal
import BerthModel
import BerthScheduling
import BerthSimulation
import Testing

/// Lives of simulated clusters with every fault, written down in a real journal. A failure prints its seed.
@Suite struct JournalLifeTests {
    @Test(arguments: 0..<12 as Range<UInt64>)
    func `the journal gives the cluster back, and its tables say what its events say`(seed: UInt64) async throws {
        let life = try Life(seed: seed)
        let folder = try TemporaryFolder()
        let journal = try await life.recorded(in: folder)

        let (cluster, lastSequence) = try journal.replay()
        #expect(try cluster == life.simulation.replayed())
        #expect(lastSequence == UInt64(life.events.count))
        #expect(journal.lastSequence == lastSequence)
        let verification = try journal.verify()
        #expect(verification.faults == [])
        #expect(verification.events == lastSequence)
    }

    @Test(arguments: 100..<104 as Range<UInt64>)
    func `at any moment the history says of each job what the cluster says`(seed: UInt64) async throws {
        let life = try Life(seed: seed)
        let folder = try TemporaryFolder()
        let journal = try Journal(path: folder.database)
        var cluster = Cluster()
        for (number, round) in life.rounds.enumerated() {
            try await journal.append(round.map(\.event), at: round[0].time)
            for recorded in round { try cluster.apply(recorded.event, at: recorded.time) }
            guard number % 16 == 0 else { continue }
            let live = try journal.jobs(JobFilter()).filter { !$0.state.hasEnded }
            #expect(Set(live.map(\.id.job)) == Set(cluster.jobs.keys))
            for record in live {
                let job = try #require(cluster.jobs[record.id.job])
                #expect(record.state == job.state, "job \(job.id) after event \(journal.lastSequence)")
                #expect(record.tasks == job.taskStates, "job \(job.id) after event \(journal.lastSequence)")
                for (index, task) in job.tasks {
                    let state = try journal.job(job.taskID(index))?.state
                    if let attempt = task.state.attempt {
                        #expect(state?.hasEnded == false, "\(attempt.id)")
                    } else if job.isArray {
                        #expect(state == (job.isHeld ? .held : .pending), "\(job.taskID(index))")
                    }
                }
            }
        }
    }

    @Test(arguments: 200..<204 as Range<UInt64>)
    func `of ended jobs the history says what the events say, and how to run them again`(seed: UInt64) async throws {
        let life = try Life(seed: seed)
        let folder = try TemporaryFolder()
        let journal = try await life.recorded(in: folder)
        let expected = life.simulation.journal

        let ended = try journal.jobs(JobFilter()).filter(\.state.hasEnded)
        #expect(!ended.isEmpty)
        for job in ended {
            let id = job.id.job
            #expect(job.state == expected.endState(of: id)?.jobState)
            #expect(try journal.endState(of: id) == expected.endState(of: id))
            #expect(job.outcome?.state.jobState == job.state)
            #expect(try journal.reopening(of: TaskID(job: id)) == expected.reopening(of: TaskID(job: id)))
            let key = Dispatcher.SubmissionKey(user: job.submission.user, key: job.submission.key)
            #expect(try journal.submission(key) == expected.submission(key))
            if let first = job.submission.specification.array?.indices.first {
                let task = TaskID(job: id, index: first)
                #expect(try journal.reopening(of: task) == expected.reopening(of: task))
            }
        }
    }

    @Test(arguments: 300..<303 as Range<UInt64>)
    func `every attempt and every event can be looked up`(seed: UInt64) async throws {
        let life = try Life(seed: seed)
        let folder = try TemporaryFolder()
        let journal = try await life.recorded(in: folder)

        for job in try journal.jobs(JobFilter()).map(\.id.job) {
            let events = life.events.filter { $0.event.job == job }
            let found = try journal.events(of: job)
            #expect(found.map(\.sequence) == events.map(\.sequence))
            #expect(found.map(\.time) == events.map(\.time))
            #expect(found.map(\.kind) == events.map(\.event.name))
            let attempts = events.compactMap { if case .started(let attempt, _) = $0.event { attempt } else { nil } }
            let record = try #require(try journal.job(TaskID(job: job)))
            #expect(record.attempts.map(\.attempt) == attempts.sorted { $0.id < $1.id })
            #expect(record.nodes == Set(attempts.flatMap { $0.allocations.map(\.node) }).sorted())
            #expect(record.startTime == Self.firstStart(of: attempts, in: events))
        }
    }

    /// When the first of the attempts was whole: a gang starts with its last member.
    private static func firstStart(of attempts: [Attempt], in events: [RecordedEvent]) -> Timestamp? {
        attempts.compactMap { attempt -> Timestamp? in
            let times = events.compactMap { recorded -> Timestamp? in
                if case .launched(attempt.id, let launch) = recorded.event { launch.startTime } else { nil }
            }
            return times.count == attempt.worldSize ? times.max() : nil
        }.min()
    }

    @Test func `a journal that was left is gone on with`() async throws {
        let life = try Life(seed: 7)
        let folder = try TemporaryFolder()
        let half = life.rounds.count / 2
        var cluster = Cluster()
        for part in [life.rounds[..<half], life.rounds[half...]] {
            let journal = try Journal(path: folder.database)
            #expect(try journal.replay().cluster == cluster)
            for round in part {
                try await journal.append(round.map(\.event), at: round[0].time)
                for recorded in round { try cluster.apply(recorded.event, at: recorded.time) }
            }
            try journal.close(cluster)
        }
        let journal = try Journal(path: folder.database)
        #expect(try journal.replay().cluster == cluster)
        #expect(try journal.replay(fromSnapshot: false).cluster == cluster)
        #expect(try journal.verify().faults == [])
    }
}
