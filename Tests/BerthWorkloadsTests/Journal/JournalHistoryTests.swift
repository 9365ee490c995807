import BerthModel
import BerthWorkloads
import Testing

/// What is taken from a journal's events, and what they came to.
struct JournalHistoryTests {
    @Test func `what did not count is lost work, and what had not ended is left out`() throws {
        var scene = JournalScene(cores: [4])
        let spot = scene.submitted(queue: "spot", at: 0)
        let drained = scene.submitted(at: 0)
        scene.ran(spot, 10...30, stopped: .preempted)
        scene.ran(spot, 50...90)
        scene.ran(drained, 10...15, cores: 1..<2, stopped: .drained)
        scene.ran(drained, 20...30, cores: 1..<2)
        let waits = scene.submitted(at: 0)
        let runs = scene.submitted(at: 0)
        scene.ran(runs, 0...5, cores: 2..<3, stopped: .preempted)
        scene.began(runs, at: 10, cores: 2..<3)
        scene.tell(
            .tasksEnded(
                job: waits, tasks: IndexRanges(0..<1), Outcome(state: .cancelled, reason: .cancelled), by: "ada"),
            at: 99)
        let run = try scene.simulate(.recorded)
        #expect(run.value("jobs") == 2)
        #expect(run.value("tasks") == 2)
        #expect(run.value("leftOut") == 2)
        #expect(run.value("preemptions") == 1)
        #expect(run.value("lostWorkSeconds") == 25)
        #expect(run.value("meanWaitSeconds") == 10)
        #expect(run.value("meanFlowSeconds") == 60)
        // 60 core-seconds of the one and 15 of the other, of 4 cores for 90 seconds.
        #expect(run.value("utilization") == 75.0 / 360)
        let replay = try scene.simulate()
        #expect(replay.times(of: "1") == [[0, 40]])
        #expect(replay.value("lostWorkSeconds") == 0)
        #expect(replay.value("leftOut") == 2)
    }

    @Test func `the energy of GPUs is that of all attempts, and none where no driver told`() throws {
        var scene = JournalScene(cores: [4])
        let job = scene.submitted(queue: "spot", at: 0)
        scene.ran(job, 10...30, stopped: .preempted, joules: 500)
        scene.ran(job, 50...90, joules: 2000)
        #expect(try scene.simulate(.recorded).value("gpuEnergyKilojoules") == 2.5)
        #expect(try scene.simulate().value("gpuEnergyKilojoules") == 2)
        var silent = JournalScene(cores: [4])
        silent.ran(silent.submitted(at: 0), 0...10)
        #expect(try !silent.simulate(.recorded).metrics.contains { $0.name == "gpuEnergyKilojoules" })
    }

    @Test func `an ended job that was run again counts as one more job`() throws {
        var scene = JournalScene(cores: [4])
        let job = scene.submitted(at: 0)
        scene.ran(job, 0...10)
        var again = Submission(
            id: job, specification: JobSpecification(name: "job", workingDirectory: "/", queue: "batch"), user: "ada",
            submitTime: JournalScene.time(0), key: "1", contentDigest: "")
        again.reopened = Submission.Reopening(tasks: IndexRanges(0..<1), attempts: [0: 1], ended: Job.Tally())
        scene.tell(.reopened(again, by: "ada"), at: 1000)
        scene.ran(job, 1100...1150)
        #expect(try scene.simulate(.recorded).value("meanWaitSeconds") == 50)
        let run = try scene.simulate()
        #expect(run.value("jobs") == 2)
        #expect(run.times(of: "1") == [[0, 10], [1000, 1050]])
    }

    @Test func `a job that the last recorded fleet could never run is left out of both`() throws {
        var scene = JournalScene(cores: [4])
        let wide = scene.submitted(cores: 16, at: 0)
        let unknown = scene.submitted(queue: "gone", at: 0)
        let plain = scene.submitted(at: 5)
        for job in [wide, unknown, plain] { scene.ran(job, 10...20) }
        for policy in JournalPolicy.allCases {
            let run = try scene.simulate(policy)
            #expect(run.value("jobs") == 1)
            #expect(run.value("leftOut") == 2)
        }
    }

    @Test func `only jobs of the time that is asked for are replayed`() throws {
        var scene = JournalScene(cores: [4])
        for place in 0..<4 {
            let job = scene.submitted(at: Double(place) * 100)
            scene.ran(job, Double(place) * 100...Double(place) * 100 + 10)
        }
        let run = try scene.simulate(.recorded, from: 100, until: 300)
        #expect(run.value("jobs") == 2)
        #expect(run.times(of: "2") == [[0, 10]])
        #expect(run.value("leftOut") == 0)
        #expect(throws: TraceError("No job was submitted in that time; the journal has 4 in all.")) {
            try scene.simulate(from: 1000)
        }
    }

    @Test func `a history in which nothing ended cannot be replayed`() throws {
        var scene = JournalScene(cores: [4])
        let job = scene.submitted(at: 0)
        scene.began(job, at: 10)
        #expect(throws: TraceError.self) { try scene.simulate() }
    }
}
