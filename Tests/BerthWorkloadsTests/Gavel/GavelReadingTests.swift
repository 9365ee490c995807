import BerthWorkloads
import Testing

@Suite struct GavelReadingTests {
    /// What reading says of a scene whose text was changed in one place.
    private func refusal(_ change: (inout GavelScene) -> Void) -> String? {
        var scene = GavelScene()
        change(&scene)
        do {
            _ = try scene.workload()
            return nil
        } catch {
            return error.description
        }
    }

    @Test func `the scene itself is read`() {
        #expect(refusal { _ in } == nil)
    }

    @Test(arguments: ["-1", "nan", "inf", "", "fast", "1e300"])
    func `a speed must be a number that can be`(speed: String) {
        let message = refusal {
            $0.throughputs = $0.throughputs.replacing("old,both,1,1.5", with: "old,both,1,\(speed)")
        }
        #expect(message?.hasPrefix("Line 3 of the throughputs: steps_per_second is \"\(speed)\"") == true)
    }

    @Test(arguments: ["0", "-5", "nan", "1e99"])
    func `steps must be a number that can be`(steps: String) {
        let message = refusal { $0.jobs = $0.jobs.replacing("stuck,1,300", with: "stuck,1,\(steps)") }
        #expect(message?.hasPrefix("Line 5 of the jobs: total_steps is \"\(steps)\"") == true)
    }

    @Test func `a gang must be a count`() {
        let message = refusal { $0.jobs = $0.jobs.replacing("both,4,5000", with: "both,99999999999999999999,5000") }
        #expect(message?.contains("scale_factor") == true)
    }

    @Test func `a missing column is named`() {
        let message = refusal { $0.jobs = $0.jobs.replacing("total_steps", with: "steps") }
        #expect(message == "The jobs have no column total_steps. Their first line should name it.")
    }

    @Test func `a short line is counted`() {
        let message = refusal { $0.jobs = $0.jobs.replacing("b,0.5,picky,1,1000", with: "b,0.5,picky") }
        #expect(message == "Line 3 of the jobs has 3 fields; the first line names 5.")
    }

    @Test func `a type of the cluster must be measured`() {
        let message = refusal { $0.cluster.types.append(.init("newest", count: 1)) }
        #expect(message == "The throughputs have no line for newest, a type of the cluster.")
    }

    @Test func `a kind of job must be measured`() {
        let message = refusal { $0.jobs = $0.jobs.replacing("picky,1,", with: "picky,4,") }
        #expect(message == "Line 3 of the jobs: \"picky\" on 4 devices is not in the throughputs.")
    }

    @Test func `a job must fit on a type that runs it`() {
        let message = refusal { $0.cluster.types = [.init("old", count: 4), .init("new", count: 0)] }
        #expect(message?.hasPrefix("The cluster should have") == true)
        let narrow = refusal { $0.cluster.types = [.init("old", count: 3), .init("new", count: 3)] }
        #expect(narrow?.hasPrefix("Line 4 of the jobs cannot end") == true)
    }

    @Test func `jobs come in the order of arrival`() {
        let message = refusal { $0.jobs = $0.jobs.replacing("d,2,", with: "d,0.1,") }
        #expect(message == "Line 5 of the jobs arrives before the line above. Sort by arrival_unit.")
    }

    @Test func `empty files are refused`() {
        #expect(refusal { $0.jobs = "" }?.contains("empty") == true)
        #expect(
            refusal { $0.jobs = "job,arrival_unit,job_type,scale_factor,total_steps\n" }?.contains("no line") == true)
        #expect(refusal { $0.colocated = "worker_type\n" }?.contains("no column job_type") == true)
    }

    @Test func `a mode must suit the stream`() throws {
        let workload = try GavelScene().workload()
        for mode in [GavelWorkload.Mode.makespan(jobs: 6), .makespan(jobs: 0), .continuous(jobsPerHour: .nan)] {
            #expect(throws: TraceError.self) { try workload.simulate(.berth, mode: mode, label: "") }
        }
    }
}
