import Foundation
import Testing

/// Jobs do not need the daemons that started them.
@Suite(.serialized) struct KilledDaemonTests {
    let berth: Installation
    /// A job that runs until its file `go` is there.
    private let steady = "echo $$ >> pids; until [ -e go ]; do sleep 0.05; done; echo done; exit 3"

    init() throws { berth = try Installation() }

    private var jobProcess: pid_t { berth.lines("pids").first.flatMap { pid_t($0) } ?? 0 }

    private func startedSteadyJob() throws -> String {
        let job = try berth.submit(script: steady)
        try berth.reaches("running", job)
        try eventually("the job has begun") { jobProcess != 0 }
        return job
    }

    /// It ran once, undisturbed, and its end is known.
    private func expectUndisturbed(_ job: String) throws {
        let record = try berth.end(of: job)
        #expect(record["state"].text == "failed" && record["exitCode"].integer == 3)
        #expect(record["attempts"].elements.count == 1 && record["attempts"][0]["reason"].text == "exit")
        #expect(berth.lines("pids").count == 1)
        #expect(try berth.logs(job) == "done\n")
    }

    @Test func `a job outlives the kill of berth up and is followed by the next`() throws {
        try berth.up()
        let job = try startedSteadyJob()
        let before = try berth.show(job)["startTime"].text

        try berth.kill(berth.daemon("controller"))
        #expect(Processes.isAlive(jobProcess))
        try berth.up()

        let taken = try berth.show(job)
        #expect(taken["state"].text == "running" && taken["startTime"].text == before)
        try berth.write("", to: "go")
        try expectUndisturbed(job)
        #expect(try berth.show(job)["startTime"].text == before)
    }

    @Test func `a job that ended while nobody looked has its true end`() throws {
        try berth.up()
        let job = try startedSteadyJob()

        try berth.kill(berth.daemon("controller"))
        try berth.write("", to: "go")
        try eventually("the job and its keeper have ended") { berth.processes.isEmpty }
        let between = Date()
        try berth.up()

        try expectUndisturbed(job)
        let end = try Date.ISO8601FormatStyle(includingFractionalSeconds: true).parse(
            berth.show(job)["endTime"].text ?? "")
        #expect(end <= between)
    }

    @Test func `a command that waits goes on with the next controller`() throws {
        try berth.up()
        let run = try berth.start(
            "run", "--", "sh", "-c", "echo first; until [ -e go ]; do sleep 0.05; done; echo second; exit 4")
        try eventually("the first line has come") { !run.output.isEmpty }

        try berth.kill(berth.daemon("controller"))
        try eventually("it says that it waits") { run.errors.contains("cannot be reached") }
        try berth.up()
        try berth.write("", to: "go")

        let result = try run.ended()
        #expect(result.code == 4 && result.output == "first\nsecond\n")
    }

    @Test func `what waited before the kill runs after it`() throws {
        try berth.up()
        let held = try berth.submit("--hold", "--", "true")
        let after = try berth.submit("--after", held, "--", "true")

        try berth.kill(berth.daemon("controller"))
        try berth.up()

        #expect(try berth.show(held)["state"].text == "held" && berth.show(after)["state"].text == "pending")
        try berth.successfully("release", held)
        #expect(try berth.end(of: held, after)["state"].text == "succeeded")
    }

    @Test(arguments: [["controller"], ["agent"], ["controller", "agent"], ["agent", "controller"]])
    func `controller and agent may be killed and started again in any order`(victims: [String]) throws {
        var daemons = [
            "controller": try berth.start("controller", "--state-dir", berth.state)
        ]
        try eventually("the controller answers") { try berth("nodes", within: 20).code == 0 }
        let agent = ["agent", "--state-dir", berth.state, "--join", "unix:\(berth.state)/agents.sock"]
        daemons["agent"] = try berth.start(agent)
        let job = try startedSteadyJob()
        let waiting = try berth.submit("--after", "\(job):ended", "--", "true")

        for victim in victims {
            daemons[victim]?.send(SIGKILL)
            try daemons[victim]?.ended()
        }
        #expect(Processes.isAlive(jobProcess))
        for victim in victims {
            daemons[victim] = try berth.start(victim == "agent" ? agent : ["controller", "--state-dir", berth.state])
        }
        try eventually("the controller answers again") { try berth("nodes", within: 20).code == 0 }
        try berth.write("", to: "go")

        try expectUndisturbed(job)
        #expect(try berth.end(of: waiting)["state"].text == "succeeded")
        for (name, daemon) in daemons.sorted(by: { $0.key < $1.key }) {
            daemon.send(SIGTERM)
            #expect(try daemon.ended().code == 0, "\(name)")
        }
    }

    @Test func `an agent that is told to leave leaves its jobs to the next`() throws {
        let controller = try berth.start("controller")
        let agent = try berth.start(
            "agent", "--join", "unix:\(berth.state)/agents.sock", environment: ["BERTH_TOKEN": try token()])
        let job = try startedSteadyJob()

        agent.send(SIGTERM)
        #expect(try agent.ended().code == 0)
        #expect(Processes.isAlive(jobProcess))
        let next = try berth.start("agent")
        try berth.write("", to: "go")

        try expectUndisturbed(job)
        #expect(controller.isRunning && next.isRunning)
    }

    private func token() throws -> String {
        try eventually("the controller has its token") {
            FileManager.default.fileExists(atPath: berth.state + "/agents.sock")
        }
        return try String(contentsOfFile: berth.state + "/token", encoding: .utf8).trimmingCharacters(
            in: .whitespacesAndNewlines)
    }

    @Test func `a job whose keeper was killed is lost, is gone, and runs again`() throws {
        try berth.up()
        let job = try berth.submit(
            script: """
                [ $BERTH_ATTEMPT = 1 ] || exit 0
                setsid sh -c 'echo $$ >> pids; exec sleep 1000' &
                echo $PPID > keeper; echo $$ >> pids; sleep 1000
                """)
        try berth.reaches("running", job)
        try eventually("both have begun") { berth.lines("pids").count == 2 }
        let keeper = try #require(berth.lines("keeper").first.flatMap { pid_t($0) })
        #expect(berth.processes.contains(keeper))

        try berth.kill(keeper)

        let ended = try berth.end(of: job)
        #expect(ended["state"].text == "succeeded")
        #expect(ended["attempts"].elements.map { $0["state"].text } == ["lost", "succeeded"])
        #expect(ended["attempts"][0]["reason"].text == "nodeLost")
        let processes = berth.lines("pids").compactMap { pid_t($0) }
        try eventually("the first attempt's processes are gone") { !processes.contains(where: Processes.isAlive) }
    }

    @Test func `a keeper that dies while no agent runs is found out by the next`() throws {
        try berth.up()
        let job = try berth.submit(script: "[ $BERTH_ATTEMPT = 1 ] || exit 0; echo $$ >> pids; exec sleep 1000")
        try berth.reaches("running", job)
        try eventually("it has begun") { jobProcess != 0 }
        try berth.kill(berth.daemon("controller"))

        for process in berth.processes where process != jobProcess { try berth.kill(process) }
        let process = jobProcess
        try berth.up()

        #expect(try berth.end(of: job)["attempts"].elements.map { $0["state"].text } == ["lost", "succeeded"])
        try eventually("the first attempt's process is gone") { !Processes.isAlive(process) }
    }
}
