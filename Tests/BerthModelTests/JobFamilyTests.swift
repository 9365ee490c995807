import BerthModel
import Testing

@Suite struct JobFamilyTests {
    private func family(_ name: String, user: String = "ada", project: String? = nil) -> JobFamily {
        var job = JobSpecification(name: name, workingDirectory: "/", queue: "batch")
        job.project = project
        return JobFamily(
            Submission(
                id: Job.ID(1), specification: job, user: user, submitTime: .epoch, key: "", contentDigest: ""))
    }

    @Test(
        arguments: [
            ("train-17", "train-#"), ("train", "train"), ("17", "#"), ("v2-fit", "v2-fit"), ("fit 003", "fit #"),
            ("größe7", "größe#"), ("", ""),
        ])
    func `names that differ by a number at their end are one family`(name: String, stem: String) {
        #expect(family(name).name == stem)
    }

    @Test func `users and projects have families of their own`() {
        #expect(family("a-1") == family("a-2"))
        #expect(family("a-1") != family("a-1", user: "grace"))
        #expect(family("a-1") != family("a-1", project: "p"))
    }

    @Test func `signals are known by number and by name`() {
        for number in 1...31 {
            #expect(SignalName.name(of: number).flatMap { SignalName.number(of: $0) } == number)
        }
        #expect(SignalName.number(of: "segv") == 11)
        #expect(SignalName.number(of: "SIGIOT") == 6)
        #expect(SignalName.number(of: "SIGRT") == nil)
        #expect(SignalName.name(of: 0) == nil && SignalName.name(of: 34) == nil)
    }

    @Test func `an end is put into few words, however long its message`() {
        #expect(AttemptEnd(cause: .exit, exitCode: 3, endTime: .epoch).summary == "exit code 3")
        #expect(AttemptEnd(cause: .signal, signal: 11, endTime: .epoch).summary == "signal 11 (SIGSEGV)")
        let end = AttemptEnd(cause: .launchFailed, message: String(repeating: "é", count: 5000), endTime: .epoch)
        #expect(end.summary.count < 400)
    }
}
