import Foundation
import Testing

@Suite(.serialized) struct FleetTests {
    @Test func `an agent joins over TCP and runs jobs`() throws {
        let fleet = try Fleet()
        let agent = try fleet.agent("a")

        let result = try fleet.berth(
            "run", "--", "sh", "-c", "echo $BERTH_NODE; head -c 3000000 /dev/zero | wc -c; exit 6")

        #expect(result.code == 6 && result.output == "a\n3000000\n")
        let log = try fleet.berth("run", "--", "head", "-c", "3000000", "/dev/zero")
        #expect(log.bytes == Data(count: 3_000_000))
        for daemon in [agent, fleet.controller] {
            daemon.send(SIGTERM)
            #expect(try daemon.ended().code == 0)
        }
        #expect(fleet.berth.processes.isEmpty)
    }

    @Test func `an agent with a wrong token says so and does not join`() throws {
        let fleet = try Fleet()
        let agent = try fleet.berth.start(
            "agent", "--join", "http://\(fleet.door)", "--token", "wrong", "--name", "stranger", "--state-dir",
            "\(fleet.berth.folder)/stranger")

        try eventually("it says that its token is refused", within: 15) { agent.errors.contains("token") }

        #expect(try fleet.berth.json("nodes").elements.isEmpty)
    }

    @Test func `commands over HTTP show the token`() throws {
        let fleet = try Fleet()
        let remote = ["BERTH_CONTROLLER": fleet.address, "BERTH_STATE_DIR": fleet.berth.work + "/none"]
        let file = try fleet.berth.write(fleet.token + "\n", to: "token")

        for shown in [["BERTH_TOKEN": fleet.token], ["BERTH_TOKEN_FILE": file]] {
            #expect(try fleet.berth("jobs", environment: remote.merging(shown) { $1 }).code == 0)
        }
        for shown in [[:], ["BERTH_TOKEN": "wrong"], ["BERTH_TOKEN": ""]] {
            for arguments in [["jobs"], ["submit", "--", "true"], ["prov", "verify"]] {
                let result = try fleet.berth(arguments, environment: remote.merging(shown) { $1 })
                #expect(result.code == 4 && result.output == "" && result.errors.contains("token"), "\(result)")
            }
        }
        #expect(try fleet.berth.json("jobs").elements.isEmpty)
    }

    @Test func `a job can be followed over HTTP`() throws {
        let fleet = try Fleet()
        try fleet.agent("a")
        let remote = [
            "BERTH_CONTROLLER": fleet.address, "BERTH_STATE_DIR": fleet.berth.work + "/none",
            "BERTH_TOKEN": fleet.token,
        ]

        let result = try fleet.berth("run", "--", "sh", "-c", "echo out; echo err >&2; exit 9", environment: remote)

        #expect(result.code == 9 && result.output == "out\n" && result.errors == "err\n")
        #expect(
            try fleet.berth.json("prov", "sql", "SELECT count(*) AS n FROM v_job", environment: remote)[0]["n"].integer
                == 1)
    }

    @Test func `work is spread over 20 emulated nodes and none is given too much`() throws {
        let fleet = try Fleet()
        try fleet.emulate(20)
        let job = try fleet.berth.submit(
            "--array", "100", "--cpus", "4", "--memory", "8GiB", "--expected-time", "3s", "--", "x")
        try eventually("80 tasks run") { try fleet.berth.show(job)["tasks"]["running"].integer == 80 }

        let nodes = try fleet.berth.json("nodes").elements
        #expect(nodes.count == 20)
        for node in nodes {
            #expect(
                node["freeCores"].integer == 0 && node["holders"].elements.count == 4 && node["emulated"].flag == true)
            #expect(node["memoryBytes"].integer == 128 << 30 && node["freeMemoryBytes"].integer == 96 << 30)
            let sets = node["holders"].elements.compactMap { $0["cpuset"].text }
            #expect(Set(sets).count == 4, "\(sets)")
        }
        let drawing = try fleet.berth.successfully("topology", "em-07").output
        #expect(drawing.contains("em-07") && drawing.contains("NUMA 1") && drawing.contains("\(job)."), "\(drawing)")
        #expect(drawing.contains("package 1") && !drawing.contains("em-08"))

        let ended = try fleet.berth.end(of: job)
        #expect(ended["state"].text == "succeeded" && ended["tasks"]["succeeded"].integer == 100)
        #expect(ended["nodes"].elements.count <= 20)
        let most = "SELECT max(n) AS n FROM (SELECT count(*) AS n FROM v_attempt GROUP BY job_id, attempt)"
        #expect(try fleet.berth.json("prov", "sql", most)[0]["n"].integer == 1)
    }

    @Test func `small jobs share a node so that others stay whole`() throws {
        let fleet = try Fleet()
        try fleet.emulate(3)
        let small = try fleet.berth.submit("--array", "3", "--cpus", "2", "--expected-time", "1h", "--", "x")
        try eventually("all run") { try fleet.berth.show(small)["tasks"]["running"].integer == 3 }

        let wide = try fleet.berth.submit("--array", "2", "--exclusive", "--expected-time", "1h", "--", "x")

        try eventually("whole nodes are left") { try fleet.berth.show(wide)["tasks"]["running"].integer == 2 }
        #expect(try fleet.berth.show(small)["nodes"].elements.count == 1)
    }

    @Test func `a drained node takes no new work until it is undrained`() throws {
        let fleet = try Fleet()
        try fleet.emulate(1)
        let running = try fleet.berth.submit("--expected-time", "2s", "--", "x")
        try fleet.berth.reaches("running", running)

        try fleet.berth.successfully("drain", "em-1", "--reason", "new fans")
        let waiting = try fleet.berth.submit("--expected-time", "10ms", "--", "x")

        #expect(try fleet.node("em-1")["drainReason"].text == "new fans")
        #expect(try fleet.berth.end(of: running)["state"].text == "succeeded")
        #expect(try fleet.berth.show(waiting)["state"].text == "pending")
        #expect(try fleet.berth.successfully("why", waiting).output.contains("new fans"))
        try eventually("it is drained") { try fleet.node("em-1")["state"].text == "drained" }
        try fleet.berth.successfully("undrain", "em-1")
        #expect(try fleet.berth.end(of: waiting)["state"].text == "succeeded")
        #expect(try fleet.node("em-1")["state"].text == "up")
    }

    @Test func `a drain that stops sends the node's jobs elsewhere`() throws {
        let fleet = try Fleet()
        try fleet.emulate(2)
        let job = try fleet.berth.submit("--expected-time", "1h", "--", "x")
        try fleet.berth.reaches("running", job)
        let first = try #require(try fleet.berth.show(job)["nodes"][0].text)

        try fleet.berth.successfully("drain", first, "--stop")

        try eventually("it runs elsewhere") {
            let attempts = try fleet.berth.show(job)["attempts"]
            return attempts[1]["state"].text == "running" && attempts[1]["node"].text != first
        }
        let attempt = try fleet.berth.show(job)["attempts"][0]
        #expect(attempt["state"].text == "preempted" && attempt["node"].text == first)
        #expect(try fleet.node(first)["state"].text == "drained")
    }

    @Test func `an agent that drains leaves when its jobs have ended`() throws {
        let fleet = try Fleet()
        let agent = try fleet.agent("a", "--drain")
        let job = try fleet.berth.submit(
            script: """
                [ $BERTH_ATTEMPT = 1 ] || exit 0
                trap 'until [ -e go ]; do sleep 0.05; done; echo saved; exit 0' TERM
                echo ready > ready; while :; do sleep 0.05; done
                """, "--grace", "5m")
        try fleet.berth.says("ready", in: "ready")

        agent.send(SIGTERM)
        try eventually("it takes no new work") { try fleet.node("a")["state"].text == "draining" }
        #expect(agent.isRunning)
        try fleet.berth.write("", to: "go")

        #expect(try agent.ended().code == 0)
        #expect(try fleet.berth.show(job)["state"].text == "pending")
        #expect(try fleet.berth.show(job)["attempts"][0]["state"].text == "preempted")
        #expect(fleet.berth.processes == [fleet.controller.process])
        try fleet.agent("a")
        #expect(try fleet.berth.end(of: job)["state"].text == "succeeded")
        #expect(try fleet.berth.show(job)["attempts"].elements.count == 2)
    }

    @Test func `a silent node is lost, its job runs elsewhere, and what it still ran is ended on its return`() throws {
        let fleet = try Fleet(settings: "heartbeat: {interval: 200ms, lostAfter: 1500ms}")
        let first = try fleet.agent("a")
        let job = try fleet.berth.submit(
            script: "echo $$ >> pids; [ $BERTH_ATTEMPT = 2 ] || exec sleep 1000; until [ -e go ]; do sleep 0.05; done")
        try eventually("it has begun") { fleet.berth.lines("pids").count == 1 }
        let process = try #require(fleet.berth.lines("pids").first.flatMap { pid_t($0) })
        try fleet.agent("b")

        first.send(SIGKILL)
        try first.ended()

        try eventually("it runs elsewhere") { try fleet.berth.show(job)["attempts"][1]["state"].text == "running" }
        #expect(try fleet.berth.show(job)["attempts"][1]["node"].text == "b")
        #expect(try fleet.node("a")["state"].text == "lost")
        #expect(Processes.isAlive(process))
        try fleet.agent("a")
        try eventually("the lost attempt is ended") { !Processes.isAlive(process) }
        try fleet.berth.write("", to: "go")
        let record = try fleet.berth.end(of: job)
        #expect(record["state"].text == "succeeded")
        #expect(record["attempts"].elements.map { $0["state"].text } == ["lost", "succeeded"])
        try eventually("the returned node is free") {
            let node = try fleet.node("a")
            return node["holders"].elements.isEmpty && node["freeCores"].integer == node["cores"].integer
        }
    }

    @Test func `an agent that was only stopped for a while joins again by itself`() throws {
        let fleet = try Fleet(settings: "heartbeat: {interval: 200ms, lostAfter: 1500ms}")
        let agent = try fleet.agent("a")
        let job = try fleet.berth.submit(script: "echo $$ >> pids; [ $BERTH_ATTEMPT = 2 ] || exec sleep 1000")
        try eventually("it has begun") { fleet.berth.lines("pids").count == 1 }
        let process = try #require(fleet.berth.lines("pids").first.flatMap { pid_t($0) })

        agent.send(SIGSTOP)
        try eventually("it is lost") { try fleet.node("a")["state"].text == "lost" }
        agent.send(SIGCONT)

        try eventually("it is back") { try fleet.node("a")["state"].text == "up" }
        #expect(try fleet.berth.end(of: job)["attempts"].elements.map { $0["state"].text } == ["lost", "succeeded"])
        #expect(!Processes.isAlive(process))
    }

    @Test func `a constraint chooses the node`() throws {
        let fleet = try Fleet()
        try fleet.emulate(3)

        let job = try fleet.berth.submit("--constraint", "node.name == 'em-2'", "--expected-time", "10ms", "--", "x")

        #expect(try fleet.berth.end(of: job)["nodes"].texts == ["em-2"])
    }
}
