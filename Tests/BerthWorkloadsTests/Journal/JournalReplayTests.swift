import BerthModel
import BerthWorkloads
import Testing

/// What the controller's planner makes of a recorded history.
struct JournalReplayTests {
    @Test func `two jobs that were run one after the other run side by side where there is room`() throws {
        var scene = JournalScene(cores: [4])
        let first = scene.submitted(cores: 2, at: 0)
        let second = scene.submitted(cores: 2, at: 10)
        scene.ran(first, 0...100, cores: 0..<2)
        scene.ran(second, 100...150, cores: 0..<2)
        let run = try scene.simulate()
        #expect(run.times(of: "1") == [[0, 100]])
        #expect(run.times(of: "2") == [[10, 60]])
        #expect(run.value("meanWaitSeconds") == 0)
        #expect(run.value("meanFlowSeconds") == 75)
        #expect(run.value("averageBoundedSlowdown") == 1)
        // 300 core-seconds of 400.
        #expect(run.value("utilization") == 0.75)
        let recorded = try scene.simulate(.recorded)
        #expect(recorded.times(of: "2") == [[100, 150]])
        #expect(recorded.value("meanWaitSeconds") == 45)
        #expect(recorded.value("maximumWaitSeconds") == 90)
        #expect(recorded.value("averageBoundedSlowdown") == 1.9)
    }

    @Test func `jobs that do not fit together run one after the other`() throws {
        var scene = JournalScene(cores: [4])
        for at in [0.0, 1] {
            let job = scene.submitted(cores: 3, at: at)
            scene.ran(job, 500 + 100 * at...600 + 100 * at, cores: 0..<3)
        }
        let run = try scene.simulate()
        #expect(run.times(of: "1") == [[0, 100]])
        #expect(run.times(of: "2") == [[100, 200]])
        #expect(run.value("maximumWaitSeconds") == 99)
    }

    @Test func `a job waits for the end of the one that it depends on, whatever that one came to`() throws {
        var scene = JournalScene(cores: [4])
        let first = scene.submitted(at: 0)
        let second = scene.submitted(at: 1) { $0.dependencies = [Dependency(job: first, condition: .failed)] }
        let third = scene.submitted(at: 2) { $0.dependencies = [Dependency(job: first, condition: .started)] }
        scene.ran(first, 50...150)
        scene.ran(second, 200...210)
        scene.ran(third, 60...70)
        let run = try scene.simulate()
        #expect(run.times(of: "2") == [[100, 110]])
        #expect(run.times(of: "3") == [[2, 12]])
    }

    @Test func `jobs of one submission may name a later one`() throws {
        var scene = JournalScene(cores: [4])
        let first = scene.submitted(at: 0, key: "both") { $0.dependencies = [Dependency(job: Job.ID(2))] }
        let second = scene.submitted(at: 0, key: "both")
        scene.ran(second, 5...35)
        scene.ran(first, 40...50)
        let run = try scene.simulate()
        #expect(run.times(of: "1") == [[30, 40]])
        #expect(run.times(of: "2") == [[0, 30]])
    }

    @Test func `what was awaited and is not replayed is over when it was`() throws {
        var scene = JournalScene(cores: [4])
        let early = scene.submitted(at: 0)
        let late = scene.submitted(at: 1000) { $0.dependencies = [Dependency(job: early)] }
        scene.ran(early, 0...1500)
        scene.ran(late, 1600...1700)
        let run = try scene.simulate(from: 500)
        #expect(run.value("jobs") == 1)
        #expect(run.times(of: "2") == [[500, 600]])
    }

    @Test func `an array runs so many tasks at a time as its limit lets it, each as long as it ran`() throws {
        var scene = JournalScene(cores: [8])
        let job = scene.submitted(at: 0) { $0.array = ArraySpecification(indices: IndexRanges(0..<5), parallel: 2) }
        for index in 0..<4 { scene.ran(job, task: index, 100 * Double(index)...100 * Double(index) + 10) }
        scene.began(job, task: 4, at: 400)
        let run = try scene.simulate()
        #expect(run.value("jobs") == 1)
        #expect(run.value("tasks") == 4)
        #expect(run.value("leftOut") == 1)
        #expect((0..<4).map { run.times(of: "1.\($0)") } == [[[0, 10]], [[0, 10]], [[10, 20]], [[10, 20]]])
    }

    @Test func `a job of a higher tier has a preemptible one stopped, which begins anew`() throws {
        var scene = JournalScene(cores: [4])
        let low = scene.submitted(cores: 4, queue: "spot", at: 0)
        let high = scene.submitted(cores: 4, queue: "urgent", at: 30)
        scene.ran(low, 0...100, cores: 0..<4)
        scene.ran(high, 100...150, cores: 0..<4)
        let run = try scene.simulate()
        #expect(run.times(of: "1") == [[0, 30], [80, 180]])
        #expect(run.times(of: "2") == [[30, 80]])
        #expect(run.value("preemptions") == 1)
        #expect(run.value("lostWorkSeconds") == 30)
        #expect(run.value("tasks") == 2)
    }

    @Test func `begin times and holds are kept`() throws {
        var scene = JournalScene(cores: [4])
        let begins = scene.submitted(at: 0) { $0.begin = JournalScene.time(300) }
        let isHeld = scene.submitted(at: 0) { $0.isHeld = true }
        let later = scene.submitted(cores: 4, at: 0)
        scene.tell(.held(job: later, by: "ada"), at: 0)
        scene.tell(.released(job: isHeld, by: "ada"), at: 120)
        scene.tell(.released(job: later, by: "ada"), at: 600)
        scene.ran(begins, 300...310)
        scene.ran(isHeld, 200...210)
        scene.ran(later, 700...710)
        // Never released, and so after it had run.
        scene.tell(.held(job: later, by: "ada"), at: 705)
        let run = try scene.simulate()
        #expect(run.times(of: "1") == [[300, 310]])
        #expect(run.times(of: "2") == [[120, 130]])
        #expect(run.times(of: "3") == [[600, 610]])
    }

    @Test func `a job takes another of its shapes where the first is not free`() throws {
        var scene = JournalScene(cores: [4])
        let first = scene.submitted(cores: 3, at: 0)
        let second = scene.submitted(cores: 4, at: 1) { $0.alternatives = [ResourceRequest(cpus: 1)] }
        scene.ran(first, 0...100, cores: 0..<3)
        scene.ran(second, 100...200, cores: 0..<4)
        let run = try scene.simulate()
        #expect(run.times(of: "2") == [[1, 101]])
        #expect(run.schedule?.entries.first { $0.job == "2" }?.width == 1)
    }

    @Test(arguments: 0..<4 as Range<UInt64>)
    func `no core is given twice, all run to their ends, and the same history gives the same replay`(seed: UInt64)
        throws
    {
        var random = SeededGenerator(seed: seed)
        var scene = JournalScene(cores: [4, 8, 2])
        var jobs: [Job.ID] = []
        for _ in 0..<150 {
            let (cores, at) = (Int.random(in: 1...8, using: &random), Double.random(in: 0...2000, using: &random))
            let queue = Queue.shipped.map(\.name).randomElement(using: &random) ?? "batch"
            let before = jobs.randomElement(using: &random)
            let job = scene.submitted(cores: cores, queue: queue, at: at) { job in
                if let before, Bool.random(using: &random) { job.dependencies = [Dependency(job: before)] }
            }
            let length = Double.random(in: 0...200, using: &random).rounded()
            scene.ran(job, 10_000...10_000 + length, cores: 0..<cores, on: "node2")
            jobs.append(job)
        }
        let run = try scene.simulate()
        #expect(run.value("tasks") == 150)
        #expect(run.value("leftOut") == 0)
        for (node, cores) in [("node1", 4.0), ("node2", 8), ("node3", 2)] {
            #expect(run.peaks[node, default: 0] <= cores)
        }
        let again = try scene.simulate()
        #expect(again.metrics == run.metrics)
        #expect(again.schedule?.entries == run.schedule?.entries)
    }
}
