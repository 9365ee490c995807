import Foundation
import Testing

@Suite(.serialized) struct JobEnvironmentTests {
    let berth: Installation

    init() throws {
        berth = try Installation()
        try berth.up("--agent-config", Installation.root + "/config/agent.yaml")
    }

    /// What a job finds in its environment.
    private func variables(_ options: String...) throws -> [String: String] {
        let result = try berth.successfully(["run"] + options + ["--", "env", "-0"])
        let pairs = result.output.split(separator: "\0").map {
            $0.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        }
        return Dictionary(pairs.map { (String($0[0]), String($0.last ?? "")) }, uniquingKeysWith: { $1 })
    }

    @Test func `a job finds what it was given in its environment`() throws {
        let node = try #require(try berth.json("nodes")[0]["name"].text)

        let found = try variables("--memory", "64MiB")

        let expected = [
            "BERTH_JOB_ID": "1", "BERTH_ATTEMPT": "1", "BERTH_NODE": node, "BERTH_NODES": node, "BERTH_RANK": "0",
            "BERTH_WORLD_SIZE": "1", "BERTH_CPUS": "1", "OMP_NUM_THREADS": "1", "BERTH_MEMORY_BYTES": "67108864",
            "BERTH_DEVICES": "[]", "CUDA_VISIBLE_DEVICES": "", "HIP_VISIBLE_DEVICES": "",
        ]
        for (name, value) in expected { #expect(found[name] == value, "\(name)") }
        #expect(found["BERTH_TASK_INDEX"] == nil && found["BERTH_TASK_VALUE"] == nil)
        #expect(found["QSIM_BACKEND"] == nil)
        #expect(found["BERTH_CPUSET"]?.isEmpty == false)
        #expect(found["BERTH_SOCKET"]?.hasPrefix("/") == true)
        let parts = (found["TRACEPARENT"] ?? "").split(separator: "-")
        #expect(parts.map(\.count) == [2, 32, 16, 2] && parts.first == "00")
    }

    @Test func `every attempt finds the same checkpoint directory and the next number`() throws {
        let job = try berth.submit(
            script:
                "echo $BERTH_ATTEMPT >> $BERTH_CHECKPOINT_DIR/attempts; cat $BERTH_CHECKPOINT_DIR/attempts; [ $BERTH_ATTEMPT = 2 ]"
        )
        try berth.end(of: job)
        try berth.successfully("requeue", job)
        try berth.end(of: job)
        #expect(try berth.logs(job) == "1\n2\n")

        let named = try berth(
            "run", "--checkpoint", "ckpt", "--", "sh", "-c", "echo $BERTH_CHECKPOINT_DIR; cd $BERTH_CHECKPOINT_DIR")
        #expect(named.code == 0 && named.output == berth.work + "/ckpt\n", "\(named)")
    }

    @Test func `the tasks of an array have checkpoint directories of their own`() throws {
        let job = try berth.submit(script: "echo $BERTH_CHECKPOINT_DIR >> directories", "--array", "3")
        try berth.end(of: job)

        #expect(Set(berth.lines("directories")).count == 3)
    }

    @Test func `a job's own number of threads stands`() throws {
        #expect(try variables("--env", "OMP_NUM_THREADS=17")["OMP_NUM_THREADS"] == "17")
    }

    @Test func `what says what was given cannot be overridden`() throws {
        let found = try variables("--env", "BERTH_CPUS=64", "--env", "CUDA_VISIBLE_DEVICES=0,1")

        #expect(found["BERTH_CPUS"] == "1" && found["CUDA_VISIBLE_DEVICES"] == "")
    }

    @Test func `a job is bound to the processors that it was given`() throws {
        let result = try berth.successfully(
            "run", "--", "sh", "-c",
            "echo $BERTH_CPUSET; sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status")

        #expect(result.lines.count == 2 && result.lines.first == result.lines.last, "\(result)")
        let attempt = try berth.show("1")["attempts"][0]
        #expect(attempt["granted"]["cpuset"].text == result.lines.first)
        #expect(attempt["bound"]["cpuset"].text == result.lines.first)
        #expect(attempt["bound"]["notes"].elements.isEmpty && !attempt["bound"]["numaNodes"].elements.isEmpty)
    }

    @Test func `two jobs at a time are bound to different cores`() throws {
        guard try berth.json("nodes")[0]["cores"].integer ?? 0 > 1 else {
            try Test.cancel("There is one core.")
        }
        let job = try berth.submit(
            script: "echo $BERTH_CPUSET >> sets; until [ $(wc -l < sets) = 2 ]; do sleep 0.02; done", "--array", "2")

        #expect(try berth.end(of: job)["state"].text == "succeeded")
        #expect(Set(berth.lines("sets")).count == 2)
    }

    @Test func `who asks for all cores gets them`() throws {
        let node = try berth.json("nodes")[0]
        let cores = try #require(node["cores"].integer)

        let result = try berth.successfully(
            "run", "--cpus", "\(cores)", "--", "sh", "-c", "echo $BERTH_CPUS $OMP_NUM_THREADS; nproc")

        #expect(result.lines.first == "\(cores) \(cores)")
        #expect(result.lines.last == "\(node["pus"].integer ?? 0)")
    }

    @Test func `a declared device brings its environment and its memory`() throws {
        let found = try variables("--device", "qsim,qubits=20", "--memory", "64MiB")

        #expect(found["QSIM_BACKEND"] == "statevector")
        #expect(found["BERTH_MEMORY_BYTES"] == "\(64 << 20 + 16 << 20)")
        let devices = try JSON(parsing: Data((found["BERTH_DEVICES"] ?? "").utf8))
        #expect(devices.elements.count == 1 && devices[0]["kind"].text == "qsim" && devices[0]["name"].text == "qsim0")
        #expect(devices[0]["attributes"]["maxQubits"].integer == 28 && devices[0]["requested"]["qubits"].integer == 20)
    }

    @Test func `a device's file is open to who holds it, and closed to others`() throws {
        let other = try Installation()
        try other.up(
            "--agent-config",
            other.write("devices: [{kind: sink, count: 2, files: [/dev/full]}]", to: "agent.yaml"))
        let node = try #require(try other.json("nodes").elements.first)
        #expect(node["devices"][0]["files"].elements.map(\.text) == ["/dev/full"])
        guard node["isolation"].text?.contains("device control") == true else {
            try Test.cancel("Devices cannot be closed here.")
        }
        let look = ["--", "sh", "-c", "head -c 1 /dev/full | wc -c; head -c 1 /dev/zero | wc -c"]
        #expect(try other.successfully(["run", "--device", "sink"] + look).lines == ["1", "1"])
        #expect(try other.successfully(["run"] + look).lines == ["0", "1"])
    }
}
