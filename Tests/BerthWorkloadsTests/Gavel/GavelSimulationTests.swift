import BerthWorkloads
import Testing

@Suite struct GavelSimulationTests {
    @Test func `a job alone ends when its steps are done`() throws {
        let run = try GavelScene().workload().simulate(.berth, mode: .makespan(jobs: 1), label: "one")
        #expect(run.label == "one")
        #expect(abs((run.value("makespanHours") ?? 0) - 500.0 / 3_600) < 1e-9)
        #expect(abs((run.value("lowerBoundHours") ?? 0) - 500.0 / 3_600) < 1e-6)
        #expect(run.value("preemptions") == 0)
    }

    @Test(arguments: GavelPolicy.allCases)
    func `no type is used beyond its GPUs, and a gang has all of its own on one`(policy: GavelPolicy) throws {
        var scene = GavelScene()
        scene.colocated = """
            worker_type,job_type,scale_factor,other_job_type,other_scale_factor,steps_per_second,other_steps_per_second
            new,both,4,both,4,6,6
            new,both,1,picky,1,1.5,1.8
            """
        let workload = try scene.workload()
        for mode in [GavelWorkload.Mode.makespan(jobs: 5), .continuous(jobsPerHour: 20)] {
            let run = try workload.simulate(policy, mode: mode, label: "")
            let schedule = try #require(run.schedule)
            #expect(schedule.unit == "GPUs")
            #expect(schedule.capacity == 8)
            for moment in schedule.entries.map(\.start) {
                var used: [String: Double] = [:]
                for entry in schedule.entries where entry.start <= moment && moment < entry.end {
                    used[entry.machine ?? "", default: 0] += entry.width
                }
                #expect(Set(used.keys).isSubset(of: ["old", "new"]))
                #expect(used.values.allSatisfy { $0 <= 4 })
            }
            let gangs = schedule.entries.filter { $0.job == "c" || $0.job == "e" }
            #expect(gangs.allSatisfy { $0.width == 4 || (policy == .berth && $0.width == 2) })
            #expect(schedule.entries.allSatisfy { $0.job != "d" || $0.machine == "new" })
        }
    }

    @Test(arguments: GavelPolicy.allCases)
    func `the same run comes out twice`(policy: GavelPolicy) throws {
        let runs = try (0..<2).map { _ in
            try GavelScene().workload().simulate(policy, mode: .continuous(jobsPerHour: 30), label: "")
        }
        #expect(runs[0].metrics == runs[1].metrics)
        #expect(runs[0].schedule?.entries == runs[1].schedule?.entries)
    }

    @Test func `sharing ends jobs earlier where the pair is fast`() throws {
        var scene = GavelScene()
        scene.cluster = GavelCluster(types: [.init("new", count: 1)], roundSeconds: 10)
        scene.throughputs = "worker_type,job_type,scale_factor,steps_per_second\nnew,both,1,2"
        scene.jobs = "job,arrival_unit,job_type,scale_factor,total_steps\na,0,both,1,200\nb,0,both,1,200"
        let mode = GavelWorkload.Mode.continuous(jobsPerHour: 1)
        let apart = try scene.workload().simulate(.berth, mode: mode, label: "")
        #expect(abs((apart.value("averageCompletionHours") ?? 0) - 200.0 / 3_600) < 1e-9)

        scene.colocated = """
            worker_type,job_type,scale_factor,other_job_type,other_scale_factor,steps_per_second,other_steps_per_second
            new,both,1,both,1,1.6,1.6
            """
        let together = try scene.workload().simulate(.berth, mode: mode, label: "")
        #expect(abs((together.value("averageCompletionHours") ?? 0) - 125.0 / 3_600) < 1e-9)
        #expect(together.schedule?.entries.prefix(2).map(\.width) == [0.5, 0.5])
    }

    @Test(.enabled(if: GavelFiles.arePresent))
    func `400 jobs end within 1.5 percent of the bound`() throws {
        let run = try GavelFiles.workload(seed: 0, sharing: false)
            .simulate(.berth, mode: .makespan(jobs: 400), label: "seed 0")
        #expect(abs((run.value("lowerBoundHours") ?? 0) - 165.798) < 0.001)
        #expect((run.value("makespanHours") ?? .infinity) < 1.015 * 165.798)
    }

    @Test(.enabled(if: GavelFiles.arePresent))
    func `2 and 4 tenths jobs an hour end sooner than under the published policies`() throws {
        let run = try GavelFiles.workload(seed: 0, sharing: false)
            .simulate(.berth, mode: .continuous(jobsPerHour: 2.4), label: "seed 0")
        #expect((run.value("averageCompletionHours") ?? .infinity) < 27.93)
    }

    @Test(.enabled(if: GavelFiles.arePresent))
    func `2 and 6 tenths jobs an hour end sooner with sharing than under the published policies`() throws {
        let run = try GavelFiles.workload(seed: 1, sharing: true)
            .simulate(.berth, mode: .continuous(jobsPerHour: 2.6), label: "seed 1")
        #expect((run.value("averageCompletionHours") ?? .infinity) < 30.51)
    }
}
